#!/usr/bin/env python3
"""The official SDK, unmodified, against `hocket serve tinker`: the life of a run. Exit code 77: skipped."""

import os
import subprocess
import sys
import tempfile

VERSION = "tinker==0.38.0"
HERE = os.path.dirname(os.path.abspath(__file__))


def python_with_sdk():
    """An interpreter that has the SDK: this one, or one of a virtual environment beside the build."""
    if subprocess.run([sys.executable, "-c", "import tinker"], capture_output=True).returncode == 0:
        return sys.executable
    folder = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "tinker_sdk")
    python = os.path.join(folder, "bin", "python")
    if subprocess.run([python, "-c", "import tinker"], capture_output=True).returncode == 0 if os.path.exists(python) else False:
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=120)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "10", VERSION],
                       check=True, capture_output=True, timeout=300)
        return python
    except (OSError, subprocess.SubprocessError) as e:
        print(f"skipped: {VERSION} is not installed and cannot be installed from PyPI here ({type(e).__name__})")
        sys.exit(77)


def life_of_a_run():
    import server as support
    import tiny_model
    import tinker
    from tinker import types as T

    service = tinker.ServiceClient(user_metadata={"who": "test"})
    caps = service.get_server_capabilities()
    assert support.MODEL in [m.model_name for m in caps.supported_models]
    trainer = service.create_lora_training_client(base_model=support.MODEL, rank=4, seed=3)
    info = trainer.get_info()
    assert info.lora_rank == 4 and info.model_data.model_name == support.MODEL, info
    tokens = [70, 71, 72, 73, 74, 75, 76, 77]

    def datum():
        return T.Datum(model_input=T.ModelInput.from_ints(tokens[:-1]),
                       loss_fn_inputs={"target_tokens": tokens[1:], "weights": [1.0] * 7})

    losses = []
    for _ in range(6):
        passed = trainer.forward_backward([datum(), datum()], "cross_entropy")
        stepped = trainer.optim_step(T.AdamParams(learning_rate=1e-2))
        losses.append(passed.result().metrics["loss:sum"])
        stepped.result()
    assert losses[-1] < 0.8 * losses[0], losses
    sampler = trainer.save_weights_and_get_sampling_client()
    prompt = T.ModelInput.from_ints(tokens)
    scored = sampler.compute_logprobs(prompt).result()
    forward = trainer.forward([datum()], "cross_entropy").result().loss_fn_outputs[0]["logprobs"].tolist()
    assert scored[0] is None and scored[1:] == forward, (scored, forward)
    drawn = sampler.sample(prompt, 2, T.SamplingParams(max_tokens=5, seed=1, stop=[])).result()
    assert [len(s.tokens) for s in drawn.sequences] == [5, 5]
    path = trainer.save_state("state").result().path
    resumed = service.create_training_client_from_state_with_optimizer(path)
    again = [t.forward([datum()], "cross_entropy").result().loss_fn_outputs[0]["logprobs"].tolist()
             for t in (trainer, resumed)]
    assert again[0] == again[1] == forward
    try:
        trainer.forward_backward([datum()], "no_such_loss").result()
        raise AssertionError("an unknown loss was taken")
    except tinker.TinkerError as e:
        assert "no_such_loss" in str(e), e
    rest = service.create_rest_client()
    assert path in [c.tinker_path for c in rest.list_user_checkpoints().result().checkpoints]
    print("losses", [round(x, 2) for x in losses])


def main():
    if os.environ.get("HOCKET_SDK_CHILD"):
        sys.path.insert(0, HERE)
        life_of_a_run()
        sys.stdout.flush()
        os._exit(0)  # the SDK's own threads now and then abort an interpreter that ends in order
    python = python_with_sdk()
    sys.path.insert(0, HERE)
    import server as support
    import tiny_model
    with tempfile.TemporaryDirectory(prefix="hocket-tinker-sdk-") as folder:
        tiny_model.write(os.path.join(folder, "model"))
        s = support.server(folder)
        try:
            done = subprocess.run([python, os.path.abspath(__file__)], timeout=240, cwd=folder, env=dict(
                os.environ, HOCKET_SDK_CHILD="1", TINKER_BASE_URL=s.url, HF_ENDPOINT=s.url, TINKER_TELEMETRY="0",
                TINKER_API_KEY="tml-test-sdk"))
        finally:
            s.end()
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
