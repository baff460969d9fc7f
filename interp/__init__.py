"""Look inside a network: filters, features, activations, saliency, attacks and made images.

Example:
    from interp import load_classifier, saliency_map, show

    classifier = load_classifier("resnet18")
    show(saliency_map(classifier, "cat.jpg", method="guided"))

Nothing heavy is imported before one of the names is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interp.adversarial.attacks import fgsm, pgd
    from interp.adversarial.comparison import attack_images
    from interp.adversarial.robustness import attack_folder, measure_robustness
    from interp.features.embedding import embed, pca, tsne
    from interp.features.extraction import extract
    from interp.features.filters import read_filters
    from interp.features.maps import activation_maps
    from interp.features.neighbors import nearest, nearest_neighbors
    from interp.features.patches import top_patches
    from interp.figures import show
    from interp.network.classifier import Classifier, load_classifier
    from interp.network.layers import list_layers
    from interp.network.receptive_field import receptive_fields
    from interp.network.taps import activations, tapped
    from interp.patches.growing import grow_texture
    from interp.patches.quilting import quilt
    from interp.patches.transfer import transfer_texture
    from interp.saliency.attention import attention_maps, attention_rollout
    from interp.saliency.cam import grad_cam
    from interp.saliency.covering import occlusion
    from interp.saliency.gradients import (
        gradient,
        input_x_gradient,
        integrated_gradients,
        smoothgrad,
    )
    from interp.saliency.guided import guided_backprop
    from interp.saliency.maps import Neuron, saliency_map
    from interp.saliency.sanity import sanity_check
    from interp.saliency.segmentation import segment_images
    from interp.saliency.targets import class_probability, class_score, layer_value
    from interp.synthesis.class_images import class_image
    from interp.synthesis.dream import DreamSettings, deep_dream
    from interp.synthesis.facets import find_facets
    from interp.synthesis.gram_texture import synthesize_texture
    from interp.synthesis.inversion import invert
    from interp.synthesis.style_transfer import transfer_style

__all__ = [
    "Classifier",
    "DreamSettings",
    "Neuron",
    "activation_maps",
    "activations",
    "attack_folder",
    "attack_images",
    "attention_maps",
    "attention_rollout",
    "class_image",
    "class_probability",
    "class_score",
    "deep_dream",
    "embed",
    "extract",
    "fgsm",
    "find_facets",
    "grad_cam",
    "gradient",
    "grow_texture",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "invert",
    "layer_value",
    "list_layers",
    "load_classifier",
    "measure_robustness",
    "nearest",
    "nearest_neighbors",
    "occlusion",
    "pca",
    "pgd",
    "quilt",
    "read_filters",
    "receptive_fields",
    "saliency_map",
    "sanity_check",
    "segment_images",
    "show",
    "smoothgrad",
    "synthesize_texture",
    "tapped",
    "top_patches",
    "transfer_style",
    "transfer_texture",
    "tsne",
]

_MODULES = {
    "adversarial.attacks": ("fgsm", "pgd"),
    "adversarial.comparison": ("attack_images",),
    "adversarial.robustness": ("attack_folder", "measure_robustness"),
    "features.embedding": ("embed", "pca", "tsne"),
    "features.extraction": ("extract",),
    "features.filters": ("read_filters",),
    "features.maps": ("activation_maps",),
    "features.neighbors": ("nearest", "nearest_neighbors"),
    "features.patches": ("top_patches",),
    "figures": ("show",),
    "network.classifier": ("Classifier", "load_classifier"),
    "network.layers": ("list_layers",),
    "network.receptive_field": ("receptive_fields",),
    "network.taps": ("activations", "tapped"),
    "patches.growing": ("grow_texture",),
    "patches.quilting": ("quilt",),
    "patches.transfer": ("transfer_texture",),
    "saliency.attention": ("attention_maps", "attention_rollout"),
    "saliency.cam": ("grad_cam",),
    "saliency.covering": ("occlusion",),
    "saliency.gradients": ("gradient", "input_x_gradient", "integrated_gradients", "smoothgrad"),
    "saliency.guided": ("guided_backprop",),
    "saliency.maps": ("Neuron", "saliency_map"),
    "saliency.sanity": ("sanity_check",),
    "saliency.segmentation": ("segment_images",),
    "saliency.targets": ("class_probability", "class_score", "layer_value"),
    "synthesis.class_images": ("class_image",),
    "synthesis.dream": ("DreamSettings", "deep_dream"),
    "synthesis.facets": ("find_facets",),
    "synthesis.gram_texture": ("synthesize_texture",),
    "synthesis.inversion": ("invert",),
    "synthesis.style_transfer": ("transfer_style",),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
