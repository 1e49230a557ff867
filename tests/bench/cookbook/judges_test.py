"""The judges say no where a recipe did not do what it is for."""

import unittest

import judges

WHOLE = [{"state_path": "a", "sampler_path": "b"}]


def rows(key, *numbers, **more):
    return [{"step": n, key: number, **more} for n, number in enumerate(numbers)]


class judged(unittest.TestCase):
    def passes(self, judge, metrics, checkpoints=WHOLE):
        passed = judge(metrics, checkpoints)[0]
        self.assertIsInstance(passed, bool)  # it is counted
        return passed

    def test_supervised(self):
        judge = judges.supervised(3)
        self.assertTrue(self.passes(judge, rows("train_mean_nll", 6, 5, 4)))
        self.assertFalse(self.passes(judge, rows("train_mean_nll", 6, 5)))
        self.assertFalse(self.passes(judge, rows("train_mean_nll", 6, 6, 5.9)))
        self.assertFalse(self.passes(judge, rows("train_mean_nll", 6, 5, 4), [{"state_path": "a"}]))
        self.assertFalse(self.passes(judge, []))

    def test_resumed(self):
        def metrics(*second):
            return rows("train_mean_nll", 7, 6, 5, 4) + [{"step": 2 + n, "train_mean_nll": x} for n, x in enumerate(second)]
        self.assertTrue(self.passes(judges.resumed, metrics(5, 4, 3.5, 3)))
        self.assertFalse(self.passes(judges.resumed, metrics(7, 6, 5, 3)))  # begun anew
        self.assertFalse(self.passes(judges.resumed, metrics(5, 5, 5, 5)))
        self.assertFalse(self.passes(judges.resumed, metrics(5, 4)))

    def test_rewards(self):
        judge = judges.rising(8)
        key = "env/all/reward/total"
        self.assertTrue(self.passes(judge, rows(key, 0, 0.1, 0, 0.1, 0.2, 0.1, 0.2, 0.3)))
        self.assertFalse(self.passes(judge, rows(key, *[-0.1] * 8)))
        self.assertFalse(self.passes(judge, rows(key, 0.3, 0.2, 0.1, 0, 0, 0, 0, 0)))
        self.assertFalse(self.passes(judge, rows(key, 0, 1)))

    def test_shorter(self):
        judge, kl, mixed, moved = judges.preferring_shorter(2), "optim/kl_sample_train_v2", "env/all/by_group/frac_mixed", "kl_pre_post_v2"
        right = {kl: 0, mixed: 1, "optim/grad_norm": 9, moved: 1e-5}
        self.assertTrue(self.passes(judge, [right, right]))
        self.assertFalse(self.passes(judge, [right]))
        self.assertFalse(self.passes(judge, [right, {**right, kl: 0.1}]))
        for key in (mixed, "optim/grad_norm", moved):  # nobody was preferred, nothing was learnt
            self.assertFalse(self.passes(judge, [right, {**right, key: 0}]))
        for key in right:
            self.assertFalse(self.passes(judge, [{k: v for k, v in right.items() if k != key}] * 2))

    def test_conversations(self):
        judge, kl, turns = judges.conversing(2, 10), "optim/kl_sample_train_v2", "env/all/turns_per_episode"
        self.assertTrue(self.passes(judge, rows(turns, 10, 10, **{kl: 0})))
        self.assertFalse(self.passes(judge, rows(turns, 10, 10, **{kl: 0.1})))
        self.assertFalse(self.passes(judge, rows(turns, 10, 1, **{kl: 0})))  # it ended by itself
        self.assertFalse(self.passes(judge, rows(turns, 10, 10)))  # nothing was compared
        self.assertFalse(self.passes(judge, rows(turns, 10, **{kl: 0})))

    def test_references(self):
        metrics = [{"dpo_loss": 0.69, "margin": m} for m in (0.0, 0.3, 0.6)]
        self.assertTrue(self.passes(judges.preferring, metrics))
        self.assertFalse(self.passes(judges.preferring, metrics[1:]))
        self.assertFalse(self.passes(judges.preferring, metrics[1:] + metrics))
        self.assertFalse(self.passes(judges.preferring, [metrics[0]] * 3))  # nothing was learnt
        self.assertTrue(self.passes(judges.distilled, rows("teacher_kl", 0, 0.001)))
        self.assertFalse(self.passes(judges.distilled, rows("teacher_kl", 0.1, 0)))
        self.assertFalse(self.passes(judges.preferring, [{"dpo_loss": 0.69}] * 3))
        self.assertTrue(self.passes(judges.learnt_from_few, rows("sdft/mean_teacher_entropy", 1, 1, **{"optim/grad_norm": 1})))
        self.assertFalse(self.passes(judges.learnt_from_few, rows("sdft/mean_teacher_entropy", 1, 0, **{"optim/grad_norm": 1})))
        self.assertFalse(self.passes(judges.learnt_from_few, rows("sdft/mean_teacher_entropy", 1, 1, **{"optim/grad_norm": 0})))


if __name__ == "__main__":
    unittest.main()
