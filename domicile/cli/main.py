"""The `domicile` command: one verb a file. Exit codes: 0 done, 1 failed, 2 bad configuration or usage."""

from __future__ import annotations

import sys

import typer

from domicile.cli import (
    bucket,
    doctor,
    erase,
    export,
    hold,
    imports,
    key,
    purge,
    serve,
    subject,
    tenant,
    tier,
    token,
    verify,
    where,
)
from domicile.cli.console import complain
from domicile.cli.failure import Failure
from domicile.service.settings import BadSetting
from domicile.service.signing import BadKey

app = typer.Typer(
    name="domicile",
    help="Media with a legal home: store, transform, deliver and erase pictures inside the region their owner chose.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("edge")(tier.edge)
app.command("origin")(tier.origin)
app.command("purge")(purge.purge)
app.command("erase")(erase.erase)
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("where")(where.where)
imports.app.command("s3")(bucket.s3)
app.add_typer(imports.app, name="import")
app.add_typer(hold.app, name="hold")
app.add_typer(tenant.app, name="tenant")
app.add_typer(key.app, name="key")
app.add_typer(subject.app, name="subject")
app.add_typer(token.app, name="token")


def main() -> None:
    """Run the command line; what is wrong with the configuration is said in one line, never as a traceback."""
    try:
        app()
    except (BadSetting, BadKey) as bad:
        complain(str(bad))
        sys.exit(2)
    except Failure as failed:
        complain(str(failed))
        sys.exit(failed.code)


if __name__ == "__main__":
    main()
