"""`datamix mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from datamix.cli.console import AsJson, ProjectFolder, emit_json, open_project, progress, say, table
from datamix.cli.run import EngineOption, WorkersOption, run_options

app = typer.Typer(help="Mixtures: plan to the token, emit in order.", no_args_is_help=True)


@app.callback()
def mix() -> None:
    """Mixtures: plan to the token, emit in order.

    Example: `datamix mix plan mixtures/demo.yaml && datamix mix emit demo --out emitted`
    """


@app.command()
def plan(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A mixture file, or the name of a shipped one.")],
    project: ProjectFolder = Path(),
    stock: Annotated[
        Path | None, typer.Option("--stock", metavar="FILE", help="Tokens by component (`NAME: 1.2B`), no documents.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write plan.json there, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plan a mixture: which tokens from which component, in which phase, to the sequence. Nothing is tokenised.

    Examples:

    - `datamix mix plan mixtures/demo.yaml`
    - `datamix mix plan spark-joy-20 --stock spark-joy.stock.yaml` plans a trillion tokens without a document
    - `datamix mix plan mixtures/demo.yaml --json | jq .phases`
    """
    from rich.markup import escape

    from datamix.library import find
    from datamix.pipeline.mix import mixture_file, plan_from_stock, plan_mixture

    if stock is not None:
        stock_file = stock if stock.is_file() else find(project, "mixtures", str(stock))
        planned = plan_from_stock(mixture_file(project, spec), stock_file, out)
    else:
        with progress() as view:
            view.stage("plan", None)
            planned = plan_mixture(open_project(project), mixture_file(project, spec), out)
    if as_json:
        emit_json({**planned.ledger, "plan": planned.plan})
        return
    show_ledger(planned.ledger)
    say(f"plan {planned.plan}" + (f" in {escape(str(planned.folder))}" if planned.folder else ""))


@app.command()
def emit(
    name: Annotated[str, typer.Argument(metavar="PLAN", help="A beginning of the plan's hash, or the mixture's name.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="An empty folder, or one to go on in.")],
    project: ProjectFolder = Path(),
    format_: Annotated[
        str, typer.Option("--format", help="`parquet`: token sequences; `jsonl`: texts as JSONL.zst.")
    ] = "parquet",
    engine: EngineOption = "ray",
    workers: WorkersOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan's training shards in its order, with a manifest of documents, phases and hashes. Resumable.

    Says which plan that is, and warns where it is stale: filters, documents or the spec were changed since it was made.
    Of the answer, `documents begun` counts the documents that begin in a phase, each as often as it is drawn.

    Examples:

    - `datamix mix emit demo --out emitted/tokens`
    - `datamix mix emit 3f2a91 --format jsonl --out emitted/text`
    """
    from rich.markup import escape

    from datamix.pipeline.emit import EmitOptions, emit_plan
    from datamix.pipeline.plan_status import plan_status
    from datamix.spec.units import format_bytes

    file, options = open_project(project), run_options(engine, workers, None)
    status = plan_status(file, name)
    if not as_json:
        place = escape(f"of {status.mixture}, made {status.created[:19]} UTC from {status.file}")
        say(f"plan [bold]{status.plan}[/bold] {place}")
        _warn(status.warnings)
    with progress() as view:
        manifest = emit_plan(file, status.plan, EmitOptions(format_, out, options.engine, workers), view)
    size = sum(shard.bytes for shard in manifest.shards)
    if as_json:
        told = {"shards": len(manifest.shards), "bytes": size, "warnings": status.warnings}
        emit_json(manifest.model_dump(exclude={"shards"}) | told)
        return
    rows = [
        [phase.name, component, count.sequences, count.tokens, count.documents]
        for phase in manifest.phases
        for component, count in phase.components.items()
    ]
    table("Written", ["phase", "component", "sequences", "tokens", "documents begun"], rows)
    shards = f"{len(manifest.shards):,} shard{'s' * (len(manifest.shards) != 1)}"
    say(f"{shards}, {format_bytes(size)}, and manifest.json in {escape(str(out))}")


def show_ledger(ledger: dict[str, Any]) -> None:
    """Print a plan's ledger: by component in total, and by phase."""
    from rich.markup import escape

    from datamix.spec.units import format_count

    say(
        f"[bold]Mixture {escape(ledger['name'])}[/bold]: {format_count(ledger['tokens'])} tokens in "
        f"{ledger['sequences']:,} sequences"
    )
    total = ledger["tokens"]
    rows: list[list[Any]] = [
        [name, format_count(c["available"]), format_count(c["tokens"]), f"{c['tokens'] / total:.2%}", c["epochs"]]
        for name, c in ledger["components"].items()
    ]
    table("The whole run", ["component", "available", "drawn", "share", "epochs"], rows)
    rows = []
    for phase in ledger["phases"]:
        tokens = sum(c["tokens"] for c in phase["components"].values())
        rows += [
            [
                phase["name"],
                f"{phase['start']:,} to {phase['end'] - 1:,}",
                name,
                format_count(c["tokens"]),
                f"{c['tokens'] / tokens:.2%}",
                c["epochs"],
            ]
            for name, c in phase["components"].items()
        ]
    table("By phase", ["phase", "sequences", "component", "drawn", "share", "epochs"], rows)
    _warn(ledger["warnings"])


def _warn(warnings: list[str]) -> None:
    from rich.markup import escape

    for warning in warnings:
        say(f"[yellow]warning[/yellow]: {escape(warning)}")
