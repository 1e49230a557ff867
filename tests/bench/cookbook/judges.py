"""Whether a recipe passed, by what it wrote: each takes the rows of metrics.jsonl and of checkpoints.jsonl, and gives a
verdict with the figures that it is from."""

RISES = 0.03  # the least that a rising reward rises


def values(metrics, *keys):
    """Of each row that has one of them: the first."""
    return [next(row[k] for k in keys if k in row) for row in metrics if any(k in row for k in keys)]


def supervised(steps):
    def passed(metrics, checkpoints):
        loss = values(metrics, "train_mean_nll")
        whole = any(c.get("state_path") and c.get("sampler_path") for c in checkpoints)
        return len(loss) >= steps and loss[-1] < loss[0] - 0.15 and whole, {"loss": loss}
    return passed


def resumed(metrics, _):
    """Four steps, then six from the checkpoint behind the second. Cookbook 0.5.8 sends steps ahead, and saves behind
    those that it has sent: the weights may be further than the checkpoint's number, and never less far."""
    loss = [(row["step"], row["train_mean_nll"]) for row in metrics if "train_mean_nll" in row]
    if [step for step, _ in loss] != [0, 1, 2, 3, 2, 3, 4, 5]:
        return False, {"loss": loss}
    return loss[4][1] < loss[2][1] + 0.05 and loss[-1][1] < loss[3][1], {"loss": loss}


def as_sampled(metrics, steps):
    """Whether the trainer's log probabilities of each step's samples are the sampler's, and how far they are apart."""
    apart = values(metrics, "optim/kl_sample_train_v2")
    return len(apart) >= steps and all(abs(x) < 1e-4 for x in apart), apart


def preferring_shorter(steps):
    """Each win is somebody's loss, so that the mean reward stays: answers of one group differ, and the weights move."""
    def passed(metrics, _):
        same, apart = as_sampled(metrics, steps)
        figures = {"mixed": values(metrics, "env/all/by_group/frac_mixed"), "gradient": values(metrics, "optim/grad_norm"),
                   "moved": values(metrics, "kl_pre_post_v2")}
        return same and all(len(f) >= steps and min(f) > 0 for f in figures.values()), {**figures, "kl": apart}
    return passed


def conversing(steps, turns):
    """Without a right guess an episode has all its turns, and nothing is learnt."""
    def passed(metrics, _):
        same, apart = as_sampled(metrics, steps)
        taken = values(metrics, "env/all/turns_per_episode")
        return same and taken == [turns] * len(apart), {"turns": taken, "kl": apart}
    return passed


def rising(steps):
    """From the first quarter of the steps to the last one."""
    def passed(metrics, _):
        reward, part = values(metrics, "env/all/reward/total"), max(2, steps // 4)
        rises = (sum(reward[-part:]) - sum(reward[:part])) / part
        return len(reward) >= steps and rises > RISES, {"rises": rises, "reward": reward, "correct": values(metrics, "env/all/correct"),
                               "seconds": values(metrics, "time/total")}
    return passed


def preferring(metrics, _):
    loss, margin = values(metrics, "dpo_loss"), values(metrics, "margin")
    return len(loss) >= 3 and len(margin) == len(loss) and abs(margin[0]) < 0.05 and margin[-1] > margin[0], {"loss": loss, "margin": margin}


def distilled(metrics, _):
    apart = values(metrics, "teacher_kl")
    return len(apart) >= 2 and abs(apart[0]) < 1e-3, {"teacher_kl": apart}


def learnt_from_few(metrics, _):
    entropy, gradient = values(metrics, "sdft/mean_teacher_entropy"), values(metrics, "optim/grad_norm")
    passed = all(len(f) >= 2 and min(f) > 0 for f in (entropy, gradient))
    return passed, {"teacher_entropy": entropy, "gradient": gradient}
