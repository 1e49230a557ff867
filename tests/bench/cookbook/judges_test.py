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
        judge = judges.rewarded(2)
        self.assertTrue(self.passes(judge, rows("reward/total", -1, -1, **{"optim/kl_sample_train_v2": 0})))
        self.assertFalse(self.passes(judge, rows("reward/total", -1, -1, **{"optim/kl_sample_train_v2": 0.1})))
        self.assertFalse(self.passes(judge, rows("reward/total", -1, -1)))  # nothing was compared
        self.assertFalse(self.passes(judge, rows("reward/total", -1)))
        judge = judges.rising(8)
        key = "env/all/reward/total"
        self.assertTrue(self.passes(judge, rows(key, 0, 0.1, 0, 0.1, 0.2, 0.1, 0.2, 0.3)))
        self.assertFalse(self.passes(judge, rows(key, *[-0.1] * 8)))
        self.assertFalse(self.passes(judge, rows(key, 0.3, 0.2, 0.1, 0, 0, 0, 0, 0)))
        self.assertFalse(self.passes(judge, rows(key, 0, 1)))

    def test_references(self):
        metrics = [{"dpo_loss": 0.69, "margin": m} for m in (0.0, 0.3, 0.6)]
        self.assertTrue(self.passes(judges.preferring, metrics))
        self.assertFalse(self.passes(judges.preferring, metrics[1:]))
        self.assertFalse(self.passes(judges.preferring, metrics[1:] + metrics))
        self.assertFalse(self.passes(judges.preferring, [metrics[0]] * 3))  # nothing was learnt
        self.assertTrue(self.passes(judges.distilled, rows("teacher_kl", 0, 0.001)))
        self.assertFalse(self.passes(judges.distilled, rows("teacher_kl", 0.1, 0)))
        self.assertTrue(self.passes(judges.learnt_from_few, rows("sdft/mean_teacher_entropy", 1, 1)))
        self.assertFalse(self.passes(judges.learnt_from_few, rows("sdft/mean_teacher_entropy", 1, 0)))


if __name__ == "__main__":
    unittest.main()
