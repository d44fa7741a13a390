"""Everything that the lab needs as images, in the right order and side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import docker

from control import support
from control.lab import amd, digest, names, recipes, registry, variants, wheels
from control.lab.images import Images, Say, scratch, workers
from control.lab.recipes import HOST_INCLUDE, Base

MIRROR_RELEASE = 12
HOST_CONTEXT = names.CONTEXTS_DIR / "host"
MIRROR_CONTEXT = names.CONTEXTS_DIR / "mirror"
AMD_CONTEXT = names.CONTEXTS_DIR / "amd"
RELEASE_CONTEXT = names.CONTEXTS_DIR / "ollama-release"
#: The configuration that the registry is filled with; how it later serves does not change what is in it.
_PLAIN = MIRROR_CONTEXT / "server" / "registry-plain.yml"
#: What is made of each image beside it.
_VARIANTS = Path(variants.__file__)

#: The job whose image has the models that the mirror hands out, and the program that it packs as a release.
MODELS_FROM = "stand-in-ollama"


@dataclass(frozen=True)
class Built:
    """Tags of what a lab is made from."""

    hosts: Mapping[int, str]
    mirror: str


Job = Callable[[Mapping[str, str]], str]


def run_all(jobs: Mapping[str, tuple[set[str], Job]]) -> dict[str, str]:
    """Results by name; each job starts when those it needs are done and gets their results.

    The first failure stops new jobs and is raised once the running ones have ended.
    """
    sorter = TopologicalSorter({name: needs for name, (needs, _) in jobs.items()})
    sorter.prepare()
    done: dict[str, str] = {}
    running: dict[Future[str], str] = {}
    with ThreadPoolExecutor(workers()) as pool:
        while sorter.is_active():
            for name in sorter.get_ready():
                needs, job = jobs[name]
                running[pool.submit(job, {need: done[need] for need in needs})] = name
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                name = running.pop(future)
                done[name] = future.result()
                sorter.done(name)
    return done


def build(client: docker.DockerClient, releases: Sequence[int], say: Say, kernels: Sequence[int] = ()) -> Built:
    """Images of hosts of these Debian releases, and of a mirror with all they need, exist.

    :param kernels: those of the releases whose hosts have a kernel of their own: the mirror has it, and a newer one.
    """
    maker = Images(client, say)
    jobs: dict[str, tuple[set[str], Job]] = {}
    for release in {*releases, MIRROR_RELEASE}:
        jobs[f"base-{release}"] = (set(), _base(maker, host_base(release)))
        jobs[f"host-{release}"] = ({f"base-{release}"}, _host(maker, release))
    for release in releases:
        jobs[f"apt-{release}"] = ({f"host-{release}"}, _apt(maker, release))
        jobs[f"amd-{release}"] = ({f"host-{release}"}, _amd(maker, release))
    for release in kernels:
        jobs[f"kernels-{release}"] = ({f"host-{release}"}, _kernels(maker, release))
    jobs["wheels"] = (set(), lambda _: _wheels(maker, releases))
    jobs["mirror-base"] = ({f"base-{MIRROR_RELEASE}"}, _mirror_base(maker))
    shipped = _add_stand_ins(maker, jobs)
    for name, images in shipped.items():
        jobs[f"registry-{name}"] = ({"mirror-base", name}, _registry(maker, name, images))
    parts = [f"{part}-{release}" for release in sorted(releases) for part in ("apt", "amd")]
    parts += [f"kernels-{release}" for release in sorted(kernels)] + ["wheels"] + [f"registry-{name}" for name in shipped]
    jobs["release"] = ({MODELS_FROM}, _release(maker))
    jobs["models"] = ({MODELS_FROM}, lambda done: done[MODELS_FROM])
    parts += ["release", "models"]
    jobs["mirror"] = ({"mirror-base", *parts}, _mirror(maker, sorted(releases), parts))
    done = run_all(jobs)
    maker.drop_stages()
    maker.drop_others(done["mirror"])
    return Built({release: done[f"host-{release}"] for release in releases}, done["mirror"])


def codename(release: int) -> str:
    """Debian's name of a release, from the truth table."""
    return support.load().system_by_id(system_id(release)).codename


def host_base(release: int) -> Base:
    return Base(codename(release), HOST_INCLUDE, variant="apt")


def _base(maker: Images, base: Base) -> Job:
    return lambda _: maker.base(base)


def _host(maker: Images, release: int) -> Job:
    def job(done: Mapping[str, str]) -> str:
        base = done[f"base-{release}"]
        tag = f"{names.IMAGES}/host-{release}:{digest.of(digest.of_folder(HOST_CONTEXT), base)}"
        return maker.built(tag, f"host image, Debian {release}", HOST_CONTEXT, {"BASE": base})

    return job


def system_id(release: int) -> str:
    """A Debian release as the truth table names it."""
    return f"debian-{release}"


def kernel_packages(release: int) -> list[str]:
    """Packages that depend on the newest kernel of a release and on its headers."""
    meta = support.load().system_by_id(system_id(release)).kernel_packages.meta
    return [meta.image, meta.headers]


def _apt(maker: Images, release: int) -> Job:
    """The apt archive of one release: what its host image lacks of the packages that roles may install. Kernels are large,
    and of no use to containers: they are a part of their own."""

    def job(done: Mapping[str, str]) -> str:
        table, system = support.load(), system_id(release)
        args = {
            "HOST": done[f"host-{release}"],
            "ARCHIVE": recipes.ARCHIVE,
            "SUITE": codename(release),
            "COMPONENTS": " ".join(names.APT_COMPONENTS),
            "DEPENDS": ", ".join(amd.debian_dependencies(table, system)),
            "PACKAGES": " ".join(sorted({*table.packages_for(system)} - {*kernel_packages(release)})),
        }
        return _part(maker, f"apt-{release}", f"apt archive, Debian {release}", MIRROR_CONTEXT / "apt", args)

    return job


def _kernels(maker: Images, release: int) -> Job:
    """The kernel of one release with its headers, and the newer one of the security archive."""

    def job(done: Mapping[str, str]) -> str:
        args = {
            "HOST": done[f"host-{release}"],
            "ARCHIVE": recipes.ARCHIVE,
            "SECURITY_ARCHIVE": recipes.SECURITY_ARCHIVE,
            "SUITE": codename(release),
            "PACKAGES": " ".join(kernel_packages(release)),
        }
        return _part(maker, f"kernels-{release}", f"kernels, Debian {release}", MIRROR_CONTEXT / "kernels", args)

    return job


def _amd(maker: Images, release: int) -> Job:
    """AMD's repositories for one release, of stand-ins."""

    def job(done: Mapping[str, str]) -> str:
        found = amd.repositories(support.load(), system_id(release))
        args = {
            "HOST": done[f"host-{release}"],
            "ARCHIVE": recipes.ARCHIVE,
            "SUITE": codename(release),
            "BORROWED": " ".join(amd.borrowed_from(found)),
        }
        with scratch() as folder:
            for name in ("Dockerfile", "build.sh"):
                shutil.copy(AMD_CONTEXT / name, folder)
            amd.lay(found, folder / "trees")
            return _part(maker, f"amd-{release}", f"AMD's repositories, Debian {release}: STAND-IN", folder, args)

    return job


def _release(maker: Images) -> Job:
    """The archives of Ollama's release, of its stand-in, under the names that the truth table has."""

    def job(done: Mapping[str, str]) -> str:
        row = support.load().program("ollama")
        archives = " ".join(one.name for one in row.archives)
        args = {"OLLAMA": done[MODELS_FROM], "VERSION": row.version, "ARCHIVES": archives}
        return _part(maker, "ollama-release", f"release {row.version} of Ollama: STAND-IN", RELEASE_CONTEXT, args)

    return job


def _part(maker: Images, name: str, what: str, context: Path, args: Mapping[str, str]) -> str:
    tag = f"{names.IMAGES}/{name}:{digest.of(digest.of_folder(context), dict(args))}"
    return maker.built(tag, what, context, args)


def _wheels(maker: Images, releases: Sequence[int]) -> str:
    sets = wheels.wanted(releases)
    context = MIRROR_CONTEXT / "pypi"
    tag = f"{names.IMAGES}/pypi:{digest.of(digest.of_folder(context), [one.as_list() for one in sets])}"
    if maker.has(tag):
        return tag
    with scratch() as folder:
        shutil.copy(context / "Dockerfile", folder)
        for one in sets:
            maker.say(f"fetching wheels for Python {one.python}: {one}")
            wheels.download(one, folder / "pypi" / "files")
        count = wheels.write_index(folder / "pypi" / "files", folder / "pypi" / "simple")
        return maker.built(tag, f"package index with {count} projects", folder, {})


def _mirror_base(maker: Images) -> Job:
    def job(done: Mapping[str, str]) -> str:
        base = done[f"base-{MIRROR_RELEASE}"]
        context = MIRROR_CONTEXT / "server"
        tag = f"{names.IMAGES}/mirror-base:{digest.of(digest.of_folder(context), base)}"
        return maker.built(tag, "mirror's servers", context, {"BASE": base})

    return job


def _add_stand_ins(maker: Images, jobs: dict[str, tuple[set[str], Job]]) -> dict[str, tuple[str, ...]]:
    """Jobs for every stand-in and its bases are added; the names on docker.io that each answers for, by job."""
    found = recipes.stand_ins()
    for name, recipe in found.items():
        needs = {}
        for arg, base in recipe.bases.items():
            if isinstance(base, Base):
                jobs.setdefault(base.tag, (set(), _base(maker, base)))
                needs[arg] = base.tag
            else:
                needs[arg] = f"stand-in-{base}"
        jobs[f"stand-in-{name}"] = (set(needs.values()), _stand_in(maker, recipe, needs))
    known = [f"{row.image}:{row.tag}" for row in support.load().images if row.tag]
    return {f"stand-in-{name}": recipes.answers_for(recipe, known) for name, recipe in found.items()}


def _stand_in(maker: Images, recipe: recipes.StandIn, needs: Mapping[str, str]) -> Job:
    def job(done: Mapping[str, str]) -> str:
        bases = {arg: done[need] for arg, need in needs.items()}
        return maker.stand_in(recipe, recipes.stand_in_tag(recipe, bases), bases)

    return job


def _registry(maker: Images, source: str, images: Sequence[str]) -> Job:
    """A registry's storage with one stand-in under every name that it answers for on docker.io."""

    def job(done: Mapping[str, str]) -> str:
        tag = f"{names.IMAGES}/registry:{digest.of(_PLAIN.read_text(), _VARIANTS.read_text(), done[source], images)}"
        if not maker.has(tag):
            maker.say(f"filling the registry with {', '.join(images)}")
            registry.fill(maker.client, done["mirror-base"], dict.fromkeys(images, done[source]), tag)
        return tag

    return job


def _mirror(maker: Images, releases: Sequence[int], parts: Sequence[str]) -> Job:
    def job(done: Mapping[str, str]) -> str:
        content = {part: done[part] for part in parts}
        suites = [codename(release) for release in releases]
        text = mirror_dockerfile(done["mirror-base"], content)
        tag = f"{names.IMAGES}/mirror:{digest.of(text, suites)}"
        if maker.has(tag):
            return tag
        with scratch() as folder:
            (folder / "Dockerfile").write_text(text)
            return maker.built(tag, "mirror", folder, {"SUITES": " ".join(suites)})

    return job


#: Where each kind of part lies in its own image, and in the mirror.
_FOLDERS = {
    "apt": ("/srv/debian", "/srv/debian"),
    "kernels": ("/srv/debian", "/srv/debian"),
    "amd": ("/srv/amd", "/srv/amd"),
    "wheels": ("/srv/pypi", "/srv/pypi"),
    "registry": ("/var/lib/gpuhost-lab-registry", "/var/lib/gpuhost-lab-registry"),
    "release": (names.RELEASES_DIR, names.RELEASES_DIR),
    "models": ("/usr/share/gpuhost-lab/library", "/srv/models"),
}


def mirror_dockerfile(server: str, parts: Mapping[str, str]) -> str:
    """The Dockerfile that puts the mirror together.

    :param parts: images by part: `apt-…`, `amd-…`, `kernels-…`, `wheels`, `registry-…`, `release`, `models`; a kind merges.
    """
    copies = [f"COPY --from={image} {' '.join(_FOLDERS[part.split('-')[0]])}" for part, image in parts.items()]
    scripts = "/usr/local/lib/gpuhost-lab"
    lines = [f"FROM {server}", *copies, "ARG SUITES", f"RUN {scripts}/index-apt.sh ${{SUITES}} && {scripts}/index-amd.sh"]
    return "\n".join(lines) + "\n"
