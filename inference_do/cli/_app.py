"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference_do import __version__

from ._batch_command import group as batch_group
from ._command import (
    DEFAULT_MODEL,
    EXIT_CODES,
    BaseUrl,
    Commands,
    Effort,
    MaxTokens,
    Model,
    System,
    Temperature,
    model_ids,
    plainly,
)

__all__ = ["app"]

app = typer.Typer(
    cls=Commands,
    help="DigitalOcean's inference API from the terminal. The key is read from DIGITALOCEAN_INFERENCE_KEY (and the "
    "other variables that the library reads), and never shown.",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,  # rich's panels cut names of options in narrow terminals
    pretty_exceptions_enable=False,  # its tracebacks show local variables
)
app.add_typer(batch_group, name="batch", short_help="Ask for many rows: jobs and batches.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inference-do {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    del version


def _kinds(incomplete: str) -> list[str]:
    from inference_do.models import known_models

    return sorted({info.kind for info in known_models().values() if info.kind and info.kind.startswith(incomplete)})


@app.command(short_help="Show models: window, abilities, prices.")
@plainly
def models(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Show ids that hold all of these words.", show_default=False, autocompletion=model_ids),
    ] = None,
    *,
    kind: Annotated[str | None, typer.Option(help="chat, embedding, router, image, ...", autocompletion=_kinds)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also models that the API did not list.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask which of them the key may call: one request of a few tokens each.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object for each model.")] = False,
    base_url: BaseUrl = None,
) -> int:
    """Show what is known of the models: window, capabilities, prices."""
    from ._models import show_models

    return show_models(words or [], kind=kind, everything=everything, check=check, as_json=as_json, base_url=base_url)


@app.command(
    short_help="Ask a model, or talk to one.",
    epilog="Exit codes: 0 a whole answer, 1 the API or the network failed, 2 the command or a setting is wrong, 3 the "
    "answer was cut off, filtered or refused, 130 interrupted by Ctrl-C.",
)
@plainly
def chat(
    prompt: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to say; text that is piped in follows it, and - is that text alone. Without both, a "
            "conversation.",
            show_default=False,
        ),
    ] = None,
    *,
    model: Model = DEFAULT_MODEL,
    system: System = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    effort: Effort = None,
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", "-i", metavar="FILE", help="An image to show with the prompt.", show_default=False),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file with a JSON schema: the answer is an object that satisfies it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole completion as one JSON object.")] = False,
    reasoning: Annotated[bool, typer.Option(help="Show what the model thinks, on standard error.")] = True,
    base_url: BaseUrl = None,
) -> int:
    """Talk to a model; answers appear as they are made."""
    from ._chat import talk

    return talk(
        prompt or [],
        model=model,
        system=system,
        options={"reasoning_effort": effort, "max_completion_tokens": max_tokens, "temperature": temperature},
        images=image or [],
        schema=schema,
        as_json=as_json,
        shows_reasoning=reasoning,
        base_url=base_url,
    )


@app.command(
    short_help="Find out why a call does not work.",
    epilog="Exit codes: 0 all is well, 1 something is wrong, 2 the command is wrong, 130 Ctrl-C.",
)
@plainly
def doctor(
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Also call this model, with a few tokens.", autocompletion=model_ids),
    ] = None,
    *,
    report: Annotated[
        bool, typer.Option("--report", help="Show versions and settings for a bug report; nothing is asked.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    base_url: BaseUrl = None,
) -> int:
    """Examine key, address, proxy, reachability and limits, and say what is wrong and how to mend it."""
    from ._doctor import examine
    from ._report import show_report

    if report:
        return show_report(model=model or DEFAULT_MODEL, base_url=base_url, as_json=as_json)
    return examine(model=model, base_url=base_url, as_json=as_json)


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
    playground: Annotated[bool, typer.Option(help="A page at / to try it with: chat, requests, faults.")] = True,
    opens: Annotated[bool, typer.Option("--open", help="Open that page in the browser.")] = False,
) -> int:
    """Run the emulator: the API offline, without a model, and a page to try it with."""
    from ._serve import serve as run_emulator

    return run_emulator(
        host=host,
        port=port,
        event_delay=event_delay,
        batch_seconds=batch_seconds,
        knowledge=knowledge,
        cors=cors or [],
        playground=playground,
        opens=opens and playground,
    )


@app.command(short_help="Write the API's models to a file.")
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
    from ._refresh import refresh as write_models

    return write_models(path, catalogue=catalogue, base_url=base_url, control_plane=control_plane)
