"""Bytes move through one door: permits are built in one file, asked for by every function of the gate, and nothing else
opens a client connection or writes a file. A discipline held by syntax, not a security boundary inside a process.
"""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.tree import Module, modules

GATE = "domicile/service/gate/"

CLIENTS = re.compile(
    r"(aiohttp\.)?(ClientSession|TCPConnector|UnixConnector)|aiohttp\.request|urllib\.request\.\w+"
    r"|(http\.client\.)?HTTPS?Connection|socket\.create_connection|(asyncio\.)?open_(unix_)?connection"
    r"|requests\.\w+|httpx\.\w+|aiobotocore\.\w+"
)
MAY_CONNECT = {
    "domicile/cli/calls.py": "the command's own client: selectors and public keys, never media",
    "edge/channel.py": "the node's own agent, over its UNIX socket: events and keys, no media",
    "edge/supervisor.py": "asks the node's own agent how it stands",
}

WRITE_FLAGS = re.compile(r"O_(WRONLY|RDWR|CREAT|APPEND|TRUNC)")
MAY_WRITE = {
    "domicile/cli/erase.py": "the signed statement, which names nobody, to a file that the caller names",
    "domicile/cli/transfer.py": "what an import has done: keyed hashes",
    "domicile/cli/key.py": "a fresh private key, to a file that the caller names",
    "domicile/imaging/sandbox.py": "this process' own oom_score_adj, and a trial result on stdout",
    "domicile/imaging/worker.py": "opens /dev/null",
    "domicile/service/pool_files.py": "anonymous memory, which has no name and no disk",
    "edge/nodedb.py": "the node's register: keyed hashes, aids and numbers",
    "edge/page.py": "the shared page: integers",
    "edge/reserve.py": "zeros, to keep room for the journal",
    "edge/store/guard.py": "the region that a cache directory is bound to",
    "edge/supervisor.py": "a lock file without content",
    "origin/api/archive_stream.py": "a file inside a ZIP, which goes to a sink in memory",
    "origin/credentials.py": "the CLOUDINARY_URL of the demo cloud, mode 0600",
    "origin/keyfiles.py": "keys, policies and the region: durable small files, no personal bytes",
    "origin/lock.py": "a lock file without content",
    "origin/mirror.py": "the journal's mirror: aids, keyed hashes and numbers",
    "origin/records/audit.py": "the audit log's leaves: hashes and numbers",
}

WITHOUT_PERMIT = {
    "account.done": "of an original that is being taken for a permit",
    "account.open": "opens no connection by itself",
    "account.read": "of an original that was taken for a permit",
    "account.write": "of an original that is being taken for a permit",
    "assets.authority": "reads a setting",
    "assets.body_bytes": "of an answer that `exchange` gave out for a permit",
    "assets.close": "closes",
    "assets.pieces": "of an answer that `exchange` gave out for a permit",
    "cache_files.maker_of_temporary": "reads a file name",
    "cache_files.new_maker": "draws a random number",
    "cache_files.probe": "writes zeros and deletes them",
    "cdn.open": "opens no connection by itself",
    "files.abandon": "removing needs no leave",
    "files.finish": "of a file that was begun for a permit",
    "files.remove": "removing needs no leave",
    "files.write": "of a file that was begun for a permit",
    "peer.open": "opens no connection by itself",
    "probe.open": "opens no connection by itself",
    "remote.authorities": "reads a setting",
    "remote.close": "closes nothing",
    "remote.failed": "an error's words",
    "remote.resolve": "a name that `fetch` was given a permit for",
    "remote.system_resolve": "a name that `fetch` was given a permit for",
    "s3.abort": "forgets",
    "s3.delete": "forgetting needs no leave",
    "s3.facts": "what a bucket says of itself",
    "s3.versions": "names of objects: aids",
    "s3.objects": "names of objects, of an operator's own bucket too",
    "s3.open": "opens no connection by itself",
    "s3.size": "a number",
    "s3.uploads": "names of objects: aids",
    "s3_calls.call": "for `s3`, whose functions ask",
    "s3_calls.code_of": "an error's words",
    "s3_calls.open": "opens no connection by itself",
    "s3_calls.request": "for `s3`, whose functions ask",
    "s3_calls.send": "for `s3`, whose functions ask",
    "s3_calls.tried": "for `s3`, whose functions ask",
    "sessions.new_session": "opens no connection by itself",
    "tier.client_tls": "reads settings",
    "tier.connect": "takes a connection of the library, and gives back none that leads to another region",
    "tier.open": "opens no connection by itself",
    "vault.is_absent": "an answer's words",
    "vault.is_done": "an answer's words",
    "wire.open": "opens no connection by itself",
    "wire.renew": "opens no connection by itself",
    "wire_answers.pieces": "of a blob that `blob` gave out for a permit",
    "wire_answers.read": "of a blob that `blob` gave out for a permit",
    "wire_answers.blob_of": "of a blob that was asked for with a permit",
    "wire_answers.read_whole": "of an answer that was asked for",
    "wire_answers.refusal": "an error's words",
    "wire.lease": "control: heads of journals",
    "wire.journal": "control: aids and keyed hashes",
    "wire.ack": "control: numbers",
    "wire.probes": "control: counts; what comes back are names of what is erased, for an edge that may deliver them",
    "wire.purge": "a signed message, relayed unread",
}


def writes(dotted: str, call: ast.Call) -> bool:
    """Does this call open a file for writing, or write to one?"""
    last = dotted.rsplit(".", 1)[-1]
    words = [ast.unparse(argument) for argument in (*call.args, *(keyword.value for keyword in call.keywords))]
    if dotted == "os.open":
        return any(WRITE_FLAGS.search(word) for word in words)
    if last in {"write_text", "write_bytes", "mkstemp", "NamedTemporaryFile"} or dotted == "os.write":
        return True
    if last in {"open", "fdopen"}:
        return any(re.fullmatch(r"'[rbt]*[wax+][rbt+]*'", word) for word in words)
    return dotted == "sqlite3.connect"


def source(text: str) -> Module:
    return Module("x.py", text, ast.parse(text))


def test_permits_are_built_in_the_policy_alone() -> None:
    built = {module.name for module in modules() for dotted, _ in module.calls() if dotted.split(".")[-1] == "Permit"}
    assert built == {"domicile/media/policy.py"}


def test_only_the_gate_connects() -> None:
    found = {
        module.name
        for module in modules()
        for dotted, _ in module.calls()
        if CLIENTS.fullmatch(dotted) and not module.name.startswith(GATE)
    }
    found |= {
        module.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and re.search(r"ClientSession|HTTPConnection", ast.unparse(node))
        and not module.name.startswith(GATE)
    }
    assert found == set(MAY_CONNECT)


def test_sessions_of_the_gate_are_opened_in_one_place() -> None:
    opened = {module.name for module in modules() for dotted, _ in module.calls() if dotted.endswith("ClientSession")}
    assert opened - set(MAY_CONNECT) == {f"{GATE}sessions.py"}


def test_only_the_gate_imports_a_client_of_buckets() -> None:
    found = {
        module.name
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and re.search(r"(import|from) (aiobotocore|botocore|gcloud)", ast.unparse(node))
    }
    assert found == {f"{GATE}s3.py", f"{GATE}s3_calls.py"}


def test_only_the_gate_writes_files() -> None:
    found = {
        module.name
        for module in modules()
        for dotted, call in module.calls()
        if writes(dotted, call) and not module.name.startswith(GATE)
    }
    assert found == set(MAY_WRITE)


@pytest.mark.parametrize(
    "text, verdict",
    [
        ("open(p, 'wb')", True),
        ("open(p, mode='a')", True),
        ("path.open('r+b')", True),
        ("path.write_bytes(b)", True),
        ("os.open(p, os.O_RDWR | os.O_CREAT)", True),
        ("sqlite3.connect(p)", True),
        ("open(p)", False),
        ("path.open('rb')", False),
        ("os.open(p, os.O_RDONLY)", False),
    ],
)
def test_the_search_for_writers_finds_writers(text: str, verdict: bool) -> None:
    [(dotted, call)] = [(dotted, call) for dotted, call in source(f"import os\n{text}").calls()]
    assert writes(dotted, call) is verdict


def test_every_function_of_the_gate_asks_for_a_permit() -> None:
    without = set()
    for module in modules():
        if not module.name.startswith(GATE):
            continue
        room = module.name.removeprefix(GATE).removesuffix(".py")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                if not any(argument.arg == "permit" for argument in arguments):
                    without.add(f"{room}.{node.name}")
                else:
                    assert "permit.require(" in ast.unparse(node), f"{room}.{node.name} takes a permit and ignores it"
    assert without == set(WITHOUT_PERMIT)
