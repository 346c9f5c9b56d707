"""Images as tests want them, whole and broken. Their archives are made by Python's tarfile, which shares nothing with ours."""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def entry(name, content=None, kind=None, mode=None, **fields):
    """(TarInfo, content) of a file; of a directory if the name ends in '/'; or of another `kind` ("symlink", "hard link", ...)."""
    info = tarfile.TarInfo(name.rstrip("/"))
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE,
             "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
    kind = kind or ("dir" if name.endswith("/") else "file")
    info.type = kinds[kind]
    info.mode = mode if mode is not None else 0o755 if kind == "dir" else 0o644
    if kind in ("symlink", "hard link"):
        info.linkname, content = content, None
    content = content.encode() if isinstance(content, str) else content or b""
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar(*entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def gzipped(data):
    return gzip.compress(data, 1, mtime=0)


def zstd(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Image:
    """Layers are bytes of tars; `pack` is none, gzipped or zstd of each."""

    def __init__(self, *layers, pack=None, config=None, architecture="amd64"):
        self.blobs = {}
        self.layers = []
        for number, layer in enumerate(layers):
            way = pack[number] if isinstance(pack, (list, tuple)) else pack
            packed = way(layer) if way else layer
            suffix = {None: "", gzipped: "+gzip", zstd: "+zstd"}[way]
            self.layers.append(self.add(packed, LAYER + suffix))
        self.plain_layers = layers
        self.config = {"os": "linux", "architecture": architecture, "config": config or {},
                       "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST}

    def add(self, data, media_type):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def add_document(self, document, media_type):
        return self.add(json.dumps(document).encode(), media_type)

    def descriptor(self, **more):
        """Of its manifest, for an index."""
        manifest = {**self.manifest, "config": self.add_document(self.config, CONFIG), "layers": self.layers}
        return {**self.add_document(manifest, MANIFEST), **more}

    def files(self, manifests=None):
        """{name: bytes} of a layout."""
        index = {"schemaVersion": 2, "manifests": manifests or [self.descriptor()]}
        return {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode(),
                **{"blobs/sha256/" + name.split(":")[1]: data for name, data in self.blobs.items()}}

    def saved_files(self, tags=("test:latest",)):
        """{name: bytes} of what `docker save` wrote before it wrote OCI layouts."""
        config = json.dumps(self.config).encode()
        name = digest(config).split(":")[1] + ".json"
        layers = {f"{number:064x}/layer.tar": layer for number, layer in enumerate(self.plain_layers)}
        return {"manifest.json": json.dumps([{"Config": name, "RepoTags": list(tags), "Layers": list(layers)}]).encode(), name: config, **layers}


def write_directory(path, files):
    for name, data in files.items():
        file = pathlib.Path(path, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def write_archive(path, files):
    pathlib.Path(path).write_bytes(tar(*(entry(name, data) for name, data in files.items())))
