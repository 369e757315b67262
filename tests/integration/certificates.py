"""Certificates for tests, made by openssl: an authority, what it issues, and whom it does not know."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


class Authority:
    """An authority of its own, with its files in one folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no certificates: install openssl")
        self.folder = folder
        self.certificate, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        self._openssl(
            *("req", "-x509", *_KEY, "-nodes", "-subj", f"/CN={name}", "-days", "2"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name: str, names: str, password: str | None = None) -> tuple[Path, Path]:
        """Return the files of a certificate, for names such as `IP:127.0.0.1`, and of its key, encrypted with a password."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        encrypted = ("-nodes",) if password is None else ("-passout", f"pass:{password}")
        self._openssl("req", *_KEY, *encrypted, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        self._openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(certificate)),
        )
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
