"""`perflib bisect`: git finds the commit, statistics say how often each one is measured.

Everything happens in a work tree of its own, so that the user's files stay untouched. A
commit whose side stays unclear, or that cannot be measured, is skipped rather than guessed.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.markup import escape

from perflib.cli.choose import CONFIG, DATA, open_store
from perflib.cli.show import console
from perflib.errors import ExitCode, PerflibError
from perflib.selection import pick_runs

if TYPE_CHECKING:
    from perflib.stats import Contrast

SKIP = 125
"""What git understands as: this commit cannot be judged."""
FEWEST = 2
ERROR = 0.05


class Plan(msgspec.Struct, kw_only=True):
    """What a step of the bisection needs to know; kept outside the work tree."""

    tree: str
    prepare: str
    measure: str
    most: int
    good: list[float]
    bad: list[float]
    decisions: int = 1


@click.command()
@click.argument("target")
@click.argument("good")
@click.argument("bad")
@click.option("--measure", default="", help="Command that prints a number as its last line.")
@click.option("--prepare", default="", help="Command that builds or starts what is measured.")
@click.option("--metric", default="response_time", show_default=True)
@click.option("--statistic", default="p95", show_default=True)
@click.option(
    "--most",
    type=click.IntRange(FEWEST + 1),
    default=20,
    show_default=True,
    help="Measurements a commit at most.",
)
@CONFIG
@DATA
def bisect(  # noqa: PLR0913, PLR0917 (click hands over each option)
    target: str,
    good: str,
    bad: str,
    measure: str,
    prepare: str,
    metric: str,
    statistic: str,
    most: int,
    file: Path,
    data: Path | None,
) -> int:
    """Find the commit between GOOD and BAD that made TARGET slower (or faster).

    GOOD and BAD are git revisions or runs. Each commit is measured as often as it takes to
    tell its side with an error of 5 % in all. Without --measure, `perflib run TARGET` measures.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the work tree goes then as well
    if shutil.which("git") is None:
        raise PerflibError("git is not in PATH", next_step="install it; it checks the commits out")
    measure = measure or own_measure(target, metric, statistic, file)
    first, last = (_commit(text, file, data) for text in (good, bad))
    if not _git(Path(), "rev-list", "--max-count=1", f"{first}..{last}"):
        raise PerflibError(
            f"no commit leads from {first[:10]} to {last[:10]}",
            expected="GOOD, then a later BAD",
            next_step="exchange them, or name other commits",
        )
    with tempfile.TemporaryDirectory(prefix="perflib-bisect-") as folder:
        tree = Path(folder) / "tree"
        plan = Plan(tree=str(tree), prepare=prepare, measure=measure, most=most, good=[], bad=[])
        _git(Path(), "worktree", "add", "--detach", str(tree), last)
        try:
            _references(plan, first, last)
            return _search(plan, Path(folder) / "plan.json", first, last)
        finally:
            _git(Path(), "worktree", "remove", "--force", str(tree))


def own_measure(target: str, metric: str, statistic: str, file: Path) -> str:
    """The shell's line that measures `target` once and prints the number."""
    step = [sys.executable, "-m", "perflib.cli.measured", target, metric, statistic]
    return shlex.join([*step, str(file.resolve())])


def _commit(text: str, file: Path, data: Path | None) -> str:
    """The commit of a revision, or of the run that `text` names."""
    done = _run(["git", "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}"], Path())
    if done.returncode == 0:
        return done.stdout.strip()
    store = open_store(file, data)
    try:
        run = store.load(pick_runs(store, text)[-1])
    except PerflibError as fault:
        fault.found += f", and git says: {done.stderr.strip() or 'no such revision'}"
        raise
    commit = run.environment.git_commit
    if not commit:
        raise PerflibError(f"run {run.id} does not tell its git commit")
    if _run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], Path()).returncode:
        raise PerflibError(
            f"commit {commit[:10]} of run {run.id} is not in this repository",
            next_step="fetch it (`git fetch --unshallow` where that was cut), or name a revision",
        )
    return commit


def _references(plan: Plan, first: str, last: str) -> None:
    """Measure both ends in turn until they differ clearly; sets the plan's references."""
    for _ in range(plan.most):
        for commit, values in ((first, plan.good), (last, plan.bad)):
            _git(Path(plan.tree), "checkout", "--quiet", "--force", "--detach", commit)
            try:
                _prepare(plan)
                values.append(_number(plan))
                _tidy(plan)
            except PerflibError as fault:
                fault.found = f"commit {commit[:10]} cannot be measured: {fault.found}"
                raise
        if contrast := differ(plan.good, plan.bad, plan.most):
            size = f"{contrast.value:.3g} [{contrast.low:.3g}–{contrast.high:.3g}]"
            console.print(f"good {first[:10]} and bad {last[:10]} differ by a factor of {size}")
            return
    error = PerflibError(
        f"after {plan.most} measurements each, good and bad do not differ clearly",
        expected="a difference to look for",
        next_step="raise --most, measure longer, or choose other ends",
    )
    error.exit_code = ExitCode.UNKNOWN
    raise error


def differ(good: Sequence[float], bad: Sequence[float], most: int) -> Contrast | None:
    """How `bad` lies to `good`, once that is clear; None until then.

    Equal ends differ with a chance of `ERROR` in all looks at up to `most` of each (Bonferroni).
    """
    from perflib.stats import ratio_interval

    if len(good) <= FEWEST:
        return None
    contrast = ratio_interval(good, bad, level=1 - ERROR / (most - FEWEST))
    return contrast if contrast.low > 1 or contrast.high < 1 else None


def _search(plan: Plan, kept: Path, first: str, last: str) -> int:
    tree = Path(plan.tree)
    commits = len(_git(tree, "rev-list", f"{first}..{last}").splitlines())
    plan.decisions = max(1, commits.bit_length())
    kept.write_bytes(msgspec.json.encode(plan))
    _git(tree, "bisect", "start", last, first)
    step = [sys.executable, "-m", "perflib.cli.bisect", str(kept)]
    with subprocess.Popen(
        ["git", "bisect", "run", *step],
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            lines = [line.rstrip() for line in process.stdout or ()]
        except KeyboardInterrupt:  # it would go on in a work tree that is gone
            os.killpg(process.pid, signal.SIGTERM)
            raise
    for line in lines:
        if line.startswith("perflib: "):
            console.print(escape(line.removeprefix("perflib: ")))
    guilty = [line.split()[0] for line in lines if line.endswith("is the first bad commit")]
    could_be = [line for line in lines if re.fullmatch(r"[0-9a-f]{40,64}", line)]
    _git(tree, "bisect", "reset")
    if not (guilty or could_be):
        raise PerflibError(f"git bisect: {lines[-1] if lines else 'it said nothing'}")
    names = _git(tree, "log", "--no-walk=unsorted", "--format=%h %s", *(guilty or could_be))
    if guilty:
        console.print(f"[bold]first bad commit:[/] {escape(names)}")
        return ExitCode.MET
    console.print("[yellow]?[/] it stays unknown which of these is the first bad commit:")
    for name in names.splitlines():
        console.print(escape(f"  {name}"), soft_wrap=True)
    console.print("  next: mend what was unclear about them with `--prepare`, or raise `--most`")
    return ExitCode.UNKNOWN


def judge_commit(kept: Path) -> int:
    """One step of `git bisect run`: measure the checked-out commit; 0 good, 1 bad, 125 skip."""
    plan = msgspec.json.decode(kept.read_bytes(), type=Plan)
    code = _judged(plan)
    _tidy(plan)
    return code


def _tidy(plan: Plan) -> None:
    """What a measurement changed must not be in the way of the next commit."""
    _git(Path(plan.tree), "reset", "--quiet", "--hard")


def _judged(plan: Plan) -> int:
    from perflib.stats.sequential import side_of

    name = _git(Path(plan.tree), "log", "-1", "--format=%h %s")
    values: list[float] = []
    why = ""
    looks = plan.most - FEWEST + 1
    try:
        _prepare(plan)
        while len(values) < plan.most:
            values.append(_number(plan))
            if len(values) < FEWEST:
                continue
            side = side_of(
                values, plan.good, plan.bad, decisions=plan.decisions, looks=looks, error=ERROR
            )
            if side is not None:
                print(f"perflib: {side} after {len(values)} measurements: {name}", flush=True)
                return int(side == "bad")
    except PerflibError as fault:
        why = f" ({fault.found})"
    print(f"perflib: unclear after {len(values)} measurements{why}: {name}", flush=True)
    return SKIP


def _prepare(plan: Plan) -> None:
    """Build or start the checked-out commit; raises `PerflibError` where that fails."""
    if plan.prepare:
        _shell(plan.prepare, plan.tree)


def _number(plan: Plan) -> float:
    """The number that the command prints last; raises `PerflibError` where there is none."""
    words = _shell(plan.measure, plan.tree).split()
    try:
        value = float(words[-1])
    except (ValueError, IndexError):
        value = math.nan
    if not 0 < value < math.inf:
        raise PerflibError(
            f"`{words[-1][:40] if words else 'nothing'}` was printed last",
            expected="a number above zero",
            next_step=f"try it by hand there: {plan.measure}",
        )
    return value


def _shell(command: str, folder: str) -> str:
    """What `command` prints; raises `PerflibError` with its last words where it fails."""
    done = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise PerflibError(
            f"exit {done.returncode}, {said[-1].strip()[:200]}",
            next_step=f"try it by hand there: {command}",
        )
    return done.stdout


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _git(folder: Path, *arguments: str) -> str:
    done = _run(["git", *arguments], folder)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "failed").splitlines()
        told = (line for line in said if line.startswith(("fatal: ", "error: ")))
        raise PerflibError(f"git {arguments[0]}: {next(told, said[-1])}")
    return done.stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(judge_commit(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)  # git stops bisecting
    except Exception:  # Python's own code for it, 1, would mean that the commit is bad
        traceback.print_exc()
        sys.exit(128)
