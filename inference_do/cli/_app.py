"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference_do import __version__

from ._batch import group as batch_group
from ._batch_command import run as run_batch
from ._batch_estimate import estimate as estimate_batch
from ._chat import talk
from ._command import DEFAULT_MODEL, BaseUrl, Model, plainly
from ._doctor import examine
from ._models import show_models
from ._refresh import refresh as write_models
from ._serve import serve as run_emulator

__all__ = ["app"]

app = typer.Typer(
    help="DigitalOcean's inference API from the terminal. The key is read from DIGITALOCEAN_INFERENCE_KEY (and the "
    "other variables that the library reads), and never shown.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
    add_completion=False,
)
batch_group.command("run")(run_batch)
batch_group.command("estimate")(estimate_batch)
app.add_typer(batch_group, name="batch")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inference-do {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    del version


@app.command()
@plainly
def models(
    words: Annotated[list[str] | None, typer.Argument(help="Show ids that hold all of these words.")] = None,
    *,
    kind: Annotated[str | None, typer.Option(help="chat, embedding, router, image, ...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also models that the API did not list.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask which of them the key may call: one request of a few tokens each.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object for each model.")] = False,
    base_url: BaseUrl = None,
) -> int:
    """Show what is known of the models: window, capabilities, prices."""
    return show_models(words or [], kind=kind, everything=everything, check=check, as_json=as_json, base_url=base_url)


@app.command()
@plainly
def chat(
    prompt: Annotated[
        str | None, typer.Argument(help="What to say; text that is piped in follows it. Without both, a conversation.")
    ] = None,
    *,
    model: Model = DEFAULT_MODEL,
    system: Annotated[str | None, typer.Option("--system", "-s", help="Instructions for the model.")] = None,
    effort: Annotated[str | None, typer.Option(help="How hard to think: none, low, medium, high, ...")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="The most tokens of an answer.")] = None,
    reasoning: Annotated[bool, typer.Option(help="Show what the model thinks.")] = True,
    base_url: BaseUrl = None,
) -> int:
    """Talk to a model; answers appear as they are made."""
    options = {"reasoning_effort": effort, "max_completion_tokens": max_tokens}
    return talk(prompt, model=model, system=system, options=options, shows_reasoning=reasoning, base_url=base_url)


@app.command()
@plainly
def doctor(
    model: Annotated[str | None, typer.Option("--model", "-m", help="Also call this model, with a few tokens.")] = None,
    base_url: BaseUrl = None,
) -> int:
    """Examine key, address, reachability and limits, and say what is wrong."""
    return examine(model=model, base_url=base_url)


@app.command()
@plainly
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    host: Annotated[str, typer.Option(help="A loopback address; anything else is refused.")] = "127.0.0.1",
    *,
    event_delay: Annotated[float, typer.Option(min=0, help="Seconds before each event of a stream.")] = 0.0,
    batch_seconds: Annotated[float, typer.Option(min=0, help="Seconds that a batch takes.")] = 8.0,
    knowledge: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A text file: a knowledge base `kb`, a line each.")
    ] = None,
    cors: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may use it, such as http://localhost:3000.")
    ] = None,
) -> int:
    """Run the emulator: the API offline, without a model."""
    return run_emulator(
        host=host,
        port=port,
        event_delay=event_delay,
        batch_seconds=batch_seconds,
        knowledge=knowledge,
        cors=cors or [],
    )


@app.command()
@plainly
def refresh(
    path: Annotated[Path, typer.Argument(help="The file to write; INFERENCE_DO_MODELS may name it afterwards.")],
    catalogue: Annotated[
        bool, typer.Option(help="Also ask the control plane, with the token of DIGITALOCEAN_TOKEN.")
    ] = False,
    base_url: BaseUrl = None,
    control_plane: Annotated[str | None, typer.Option(help="Where the control plane is.")] = None,
) -> int:
    """Write what the API says of its models today to a file that the library can read."""
    return write_models(path, catalogue=catalogue, base_url=base_url, control_plane=control_plane)
