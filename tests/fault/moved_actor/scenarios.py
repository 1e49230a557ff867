"""An actor that changes its host while the hosts run, and kills (-9) in the middle of that."""

import pathlib

from support import host_claims
from support.failure import check
from support.hosts import Hosts
from support.scenario import scenario

GRAPH = pathlib.Path(__file__).parent / "moving.yaml"
SETUP = ("three hosts as processes of one machine; numbers go from left through an actor that moves "
         "and back to left, on lossless links; another flow goes from mid to right")
# From asking to the kill: while it is prepared, and about when hosts change over.
DELAYS_MS = (5, 400)
# What has not closed within `drain_limit_s` (5 s) of the change is closed by force, and what was on its
# way to it is lost; a report counts from a little later.
UNFORCED_MS = 4000


class Moves:
    """The hosts, and the mover's place."""

    def __init__(self, bench):
        self.hosts = Hosts(bench, graph=GRAPH).start_all()
        self.plain = self.hosts.graph.read_text(encoding="utf-8")
        self.folder = bench.folder
        self.at = "mid"

    def ask(self, to):
        file = self.folder / f"to_{to}.yaml"
        file.write_text(self.plain.replace("faulty.pass, on: mid", f"faulty.pass, on: {to}"),
                        encoding="utf-8")
        return self.hosts.now["left"].ask_for(file)

    def report(self, ticket, words):
        said = []
        self.hosts.wait_for(
            lambda: said or said.extend(filter(None, [self.hosts.now["left"].became_of(ticket)])),
            words)
        return said[0]

    def flows(self):
        """Until more has come to the book, all the way, and the source, which was held up while a host
        was away, has caught up: what waits for the mover then is what its queue and the credit hold."""
        before = len(self.hosts.ledger("book"))
        self.hosts.wait_for(lambda: len(self.hosts.ledger("book")) > before + 20, "the book grows")
        self.hosts.wait_for(self.has_caught_up, "the source catches up")

    def has_caught_up(self):
        status = self.hosts.now["left"].status()
        if not status:
            return False
        sent = next(a["packets_out"] for a in status["actors"] if a["name"] == "pulse")
        return sent - self.hosts.ledger("book")[-1][1] <= host_claims.CREDIT


@scenario(
    setup=SETUP,
    fault="none: the actor is moved from mid to right, to left, and back to mid",
    recovery="each move is reported, with its note that the actor begins without what it knew",
    invariant="every number arrives once and in order, unless the machine was so busy that what moved "
              "was closed by force; the law holds everywhere")
def moved_and_back(bench):
    moves = Moves(bench)
    forced = False
    for to in ("right", "left", "mid"):
        moves.flows()
        said = moves.report(moves.ask(to), f"a report of the move to {to}")
        check(said["state"] == "committed", f"to {to}: {said}")
        why = [line for a in said["actors"] if a["name"] == "mover" for line in a["why"]]
        check(f"on: {moves.at} -> {to}: it begins there without what it knows" in why, f"{said}")
        forced = forced or said["settled_ms"] >= UNFORCED_MS
        check(forced or all(p["dropped"] == 0 for p in said["packets"]), f"to {to}: {said}")
        moves.at = to
        moves.flows()
    moves.hosts.stop(by="left")
    if not forced:
        host_claims.lossless(moves.hosts, "book", "pulse")
    host_claims.lossless(moves.hosts, "stays", "steady")
    host_claims.law(moves.hosts)
    return moves.hosts


def killed(bench, victim):
    moves = Moves(bench)
    hosts = moves.hosts
    for delay_ms in DELAYS_MS:
        if moves.at != "mid":  # a move that was done before is taken back in peace
            said = moves.report(moves.ask("mid"), "a report of the way back")
            check(said["state"] == "committed", f"the way back: {said}")
            moves.at = "mid"
        moves.flows()
        ticket = moves.ask("right")
        hosts.run_for(delay_ms / 1000)
        hosts.now.pop(victim).kill()
        said = moves.report(ticket, f"a report, {victim} killed after {delay_ms} ms")
        words = f"{victim} killed after {delay_ms} ms: {said}"
        check(said["state"] in ("committed", "rolled_back", "refused"), words)
        hosts.start_again(victim)
        kept = hosts.kept_graphs()
        check(len({graph for _, graph in kept.values()}) == 1, f"all have one graph: {kept}, {words}")
        moves.at = "right" if said["state"] == "committed" else "mid"
        moves.flows()
    hosts.stop(by="left")
    found = host_claims.lives(hosts.ledger("book"))
    check(len(found) == 1 and found[0][1][0] == 0, "book: one source, from its first packet on")
    jumps = host_claims.breaks(found[0][1])
    missing, repeated = sum(j for j in jumps if j > 0), -sum(j for j in jumps if j < 0)
    limit = len(DELAYS_MS) * host_claims.CREDIT
    check(missing <= 3 * limit and repeated <= limit,
          f"book: only what was with the dead is missing ({missing}) or twice ({repeated})")
    host_claims.complete(hosts, "book", "pulse")
    host_claims.law(hosts)
    return hosts


@scenario(
    setup=SETUP,
    fault="kill -9 of the host that the actor leaves, 5 and 400 ms after the move was asked for",
    recovery="the move is rolled back or done, and reported; the same command again joins with the "
             "graph that the others have",
    invariant="never two graphs; only what was with the dead is missing or twice; the law holds "
              "everywhere")
def kill_9_moving_from(bench):
    return killed(bench, "mid")


@scenario(
    setup=SETUP,
    fault="kill -9 of the host that the actor comes to, 5 and 400 ms after the move was asked for",
    recovery="the move is rolled back or done, and reported; the same command again joins with the "
             "graph that the others have",
    invariant="never two graphs; only what was with the dead is missing or twice; the law holds "
              "everywhere")
def kill_9_moving_to(bench):
    return killed(bench, "right")
