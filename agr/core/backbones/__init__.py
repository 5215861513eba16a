"""Networks by name: the trunk that turns pixels into features.

A trunk's file holds ``NATIVE_SIZE`` and ``build(pixels, dropout=)``.
"""

BACKBONES = {
    "face_resnet": "agr.core.backbones.face_resnet",
    "tiny": "agr.core.backbones.tiny",
}
