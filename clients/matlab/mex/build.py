"""Build the gateway, the MEX file through which the toolbox speaks to a server: `python build.py`.

It goes into the toolbox, to `+levada/+internal/+calls`. Nothing is built if it is up to date. On Debian, root gets
missing packages installed, and other users get their names; `--require` makes missing packages an error. Arguments
after `--` go to CMake, for builds with other libraries; see README.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

MEX = Path(__file__).resolve().parent
ROOT = MEX.parents[2]
PACKAGE = MEX.parent / "toolbox" / "+levada" / "+internal" / "+calls"
BUILD = ROOT / "build" / "matlab"
DESCRIPTORS = ROOT / "build" / "generated" / "levada_api.binpb"

NANOARROW = "nanoarrow>=0.9,<0.10"  # the first release that reads dictionaries; later ones may move its script
PACKAGES = (
    *("octave", "octave-dev", "libgrpc++-dev", "libprotobuf-dev", "protobuf-compiler", "protobuf-compiler-grpc"),
    *("libssl-dev", "libzstd-dev", "cmake", "pkg-config", "g++"),
)
TOOLS = ("octave-cli", "mkoctfile", "protoc", "cmake", "pkg-config", "c++")
LIBRARIES = ("grpc++", "protobuf", "libzstd", "libcrypto")

_BACKEND = """
from pathlib import Path


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory, "nanoarrow.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(Path("PKG-INFO").read_text())
    return folder.name
"""
"""A stand-in for nanoarrow's build system: it gives pip a name and a version, and builds nothing."""


class BuildError(Exception):
    """A problem that the user has to solve; the message says how."""


def main() -> None:
    """Build, or report missing parts."""
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options, to_cmake = sys.argv[1:split], sys.argv[split + 1 :]
    try:
        missing = [] if to_cmake else missing_parts()
        if missing and may_install():
            say(f"installing packages of the system for the MATLAB client: {', '.join(missing)} missing")
            install_packages()
            missing = missing_parts()
        if missing:
            note = (
                f"the MATLAB client is left out, because {', '.join(missing)} cannot be found. "
                f"On Debian: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
            )
            if "--require" in options:
                raise BuildError(note)
            say(note)
            return
        build(to_cmake)
    except BuildError as error:
        sys.exit(f"levada: {error}")


def missing_parts() -> list[str]:
    """Return the tools and libraries that the build needs and this machine lacks."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    if "pkg-config" in tools:
        return tools
    return tools + [name for name in LIBRARIES if subprocess.run(["pkg-config", "--exists", name]).returncode]


def may_install() -> bool:
    """Return whether this process may install packages of the system."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_packages() -> None:
    """Install the packages that the build needs, from Debian."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "--quiet=2"], env=environment)
    run(["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *PACKAGES], env=environment)


def build(to_cmake: list[str]) -> None:
    """Build the MEX file if any of its sources has changed.

    Args:
        to_cmake: Further arguments of CMake.
    """
    if not DESCRIPTORS.exists():
        raise BuildError(f"{DESCRIPTORS} is not there yet; `make matlab` writes it first.")
    stamp, fingerprint = BUILD / "fingerprint", _fingerprint(to_cmake)
    if stamp.exists() and stamp.read_text() == fingerprint and any(PACKAGE.glob("levada_gateway.mex*")):
        return
    say("building the gateway of the MATLAB client (a minute the first time)")
    fetch_nanoarrow(BUILD / "nanoarrow")
    write_descriptors(BUILD / "generated" / "descriptors.cpp")
    PACKAGE.mkdir(parents=True, exist_ok=True)
    folder = BUILD / ("cmake-given" if to_cmake else "cmake")
    places = [f"-DLEVADA_BUILD={BUILD.as_posix()}", f"-DLEVADA_PACKAGE={PACKAGE.as_posix()}"]
    run(["cmake", "-S", str(MEX), "-B", str(folder), *places, *to_cmake])
    run(["cmake", "--build", str(folder), "--config", "Release", "--parallel", str(os.cpu_count() or 1)])
    stamp.write_text(fingerprint)


def _fingerprint(to_cmake: list[str]) -> str:
    digest = hashlib.sha256(repr(to_cmake).encode())
    for path in [
        *sorted((MEX / "src").iterdir()),
        *sorted(path for path in MEX.iterdir() if path.is_file()),
        DESCRIPTORS,
    ]:
        digest.update(path.read_bytes())
    if shutil.which("mkoctfile"):
        digest.update(subprocess.run(["mkoctfile", "--version"], capture_output=True, check=True).stdout)
    return digest.hexdigest()


def fetch_nanoarrow(target: Path) -> None:
    """Extract nanoarrow's C sources, with its IPC reader and writer, from its source distribution into a folder."""
    if (target / "include").exists():
        return
    scratch = BUILD / "download"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    (scratch / "mesonpy.py").write_text(_BACKEND)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    only_source = ["--no-binary", "nanoarrow", "--no-build-isolation", "--dest", str(scratch)]
    run([*pip, *only_source, NANOARROW], env={**os.environ, "PYTHONPATH": str(scratch)})
    with tarfile.open(next(scratch.glob("nanoarrow-*.tar.gz"))) as archive:
        if hasattr(tarfile, "data_filter"):  # the first releases of Python 3.11 have none
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(scratch)
    source = next(scratch.glob("nanoarrow-*/subprojects/arrow-nanoarrow"))
    # The script looks for flatcc at its place in nanoarrow's own repository.
    flatcc = next(source.parent.glob("flatcc-*"))
    (source / "thirdparty").mkdir(exist_ok=True)
    shutil.copytree(flatcc, source / "thirdparty" / "flatcc")
    partial = target.with_name("nanoarrow.partial")
    shutil.rmtree(partial, ignore_errors=True)
    outputs = [f"--source-output-dir={partial}", f"--include-output-dir={partial / 'include'}"]
    script = source / "ci" / "scripts" / "bundle.py"
    run([sys.executable, str(script), "--with-ipc", "--with-flatcc", "--symbol-namespace", "Levada", *outputs])
    partial.rename(target)
    shutil.rmtree(scratch)


def write_descriptors(target: Path) -> None:
    """Write the descriptors of all messages as a C++ array: of the protocol, of errors and of health."""
    from google.protobuf import descriptor_pb2
    from google.rpc import error_details_pb2
    from grpc_health.v1 import health_pb2

    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    names = {file.name for file in files.file}
    for module in (error_details_pb2, health_pb2):
        if module.DESCRIPTOR.name not in names:
            module.DESCRIPTOR.CopyToProto(files.file.add())
    for file in files.file:
        file.ClearField("source_code_info")
    content = files.SerializeToString()
    lines = (", ".join(map(str, content[start : start + 24])) for start in range(0, len(content), 24))
    text = (
        "// Written by build.py.\n#include <cstddef>\n\nnamespace levada {\n"
        f"extern const size_t kDescriptorsSize = {len(content)};\n"
        "extern const unsigned char kDescriptors[] = {\n    " + ",\n    ".join(lines) + "};\n}  // namespace levada\n"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def run(command: list[str], env: dict[str, str] | None = None) -> None:
    """Run a command, and show its output if it fails.

    Raises:
        BuildError: The command failed.
    """
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, check=False
    )
    if result.returncode:
        sys.stderr.write(result.stdout.decode(errors="replace"))
        raise BuildError(f"`{' '.join(command[:3])} …` failed; its output is above.")


def say(step: str) -> None:
    """Print one line about the next step, at once."""
    print(f"levada: {step}", flush=True)


if __name__ == "__main__":
    main()
