"""A data card: Croissant metadata of labelled faces (MLCommons, https://mlcommons.org/croissant)."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from agr.core.files import write
from agr.datasets.faces import Faces

TABLE, CARD = "faces.csv", "croissant.json"
FIELDS = {
    "path": ("sc:Text", "Place of the picture, relative to the data's folder."),
    "age": ("sc:Float", "Perceived or stated age in years; empty where unknown."),
    "gender": ("sc:Text", "Perceived gender: female or male; empty where unknown."),
    "race": (
        "sc:Text",
        "Perceived race: asian, black, indian, other or white; empty where unknown.",
    ),
}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write_data_card(faces: Faces, name: str, root: Path, folder: Path) -> Path:
    """Write the labels as ``faces.csv``, and ``croissant.json``, which describes them.

    Parameters
    ----------
    faces : Faces
        Labelled pictures; the pictures themselves are not copied.
    name : str
        Of the data.
    root : Path
        Folder that the written paths are relative to.
    folder : Path
        Where to; it exists.

    Returns
    -------
    Path
        The card. Licence, address and citation are for the data's owner to add.
    """
    table = faces.table[list(FIELDS)].copy()
    table["path"] = [Path(os.path.relpath(path, root)).as_posix() for path in table["path"]]
    content = table.to_csv(index=False).encode(errors="surrogateescape")
    write(folder / TABLE, content)
    card = data_card(faces, name, hashlib.sha256(content).hexdigest())
    write(folder / CARD, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    return folder / CARD


def data_card(faces: Faces, name: str, digest: str) -> dict[str, Any]:
    """Describe a table of faces in Croissant 1.0, with its vocabulary for responsible AI."""
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"faces/{column}",
            "name": column,
            "description": description,
            "dataType": kind,
            "source": {"fileObject": {"@id": TABLE}, "extract": {"column": column}},
        }
        for column, (kind, description) in FIELDS.items()
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": name,
        "description": (
            f"{len(faces)} pictures of faces with perceived age, gender and race. "
            f"{'; '.join(_counts(faces))}."
        ),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "contentUrl": TABLE,
                "encodingFormat": "text/csv",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "faces",
                "name": "faces",
                "description": "A row for each picture.",
                "field": fields,
            }
        ],
        "rai:dataBiases": _counts(faces),
        "rai:dataLimitations": (
            "Labels are what somebody perceived in a picture, not who a person is. They contain "
            "errors."
        ),
        "rai:personalSensitiveInformation": ["Gender", "Age", "Race", "Pictures of faces"],
        "rai:dataUseCases": "Training and testing of models. Not for decisions about a person.",
    }


def _counts(faces: Faces) -> list[str]:
    """Say how many pictures each group has."""
    groups = faces.groups()
    return [
        f"{column}: "
        + ", ".join(f"{value} {n}" for value, n in groups[column].value_counts().items())
        for column in groups
    ]
