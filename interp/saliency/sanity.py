"""Does a saliency map depend on what the network learned? Randomize the network and look."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from interp.network.taps import calls, differentiable, named_layers, run_through
from interp.saliency import Method
from interp.saliency.methods import Settings, explain
from interp.saliency.targets import Target, class_score

Explain = Callable[[nn.Module, Tensor, Target], Tensor]


@dataclass(frozen=True)
class Sanity:
    """The maps of one image while a network is randomized from its last layer to its first.

    Attributes:
        layers: L names, in the order of their randomization; each stays random afterwards.
        maps: (L+1)×H×W float32, the first of the network as it was.
        correlations: L numbers in −1..1, Spearman's rank correlation of the absolute values of
            each further map with those of the first. Near 0 is as it should be; a map that stays
            near 1 does not explain this network.
    """

    layers: tuple[str, ...]
    maps: npt.NDArray[np.float32]
    correlations: npt.NDArray[np.float64]


@differentiable
def cascading_randomization(
    model: nn.Module,
    image: Tensor,
    target: Target,
    explain: Explain,
    *,
    seed: int = 0,
    layers: Iterable[str] | None = None,
    done: Callable[[int], object] = lambda count: None,
) -> Sanity:
    """The randomization test of one image 1×3×H×W in 0..1, for the saliency method `explain`.

    Each parameter is drawn anew from the normal distribution with its own mean and deviation, so
    that the scale of what the network computes stays. `layers` are by default
    `layers_from_the_top`; the model itself is not changed. `done` is called with 1 after each map.
    Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
    """
    randomized = copy.deepcopy(model)
    modules = named_layers(randomized)
    names = layers_from_the_top(model, image) if layers is None else list(layers)
    random = torch.Generator().manual_seed(seed)
    maps = [_explained(explain, model, image, target)]
    done(1)
    called = set(names)
    for name in names:
        for parameter in _own(modules, name, called):
            _redraw(parameter, random)
        maps.append(_explained(explain, randomized, image, target))
        done(1)
    correlations = [rank_correlation(maps[0], later) for later in maps[1:]]
    # The parameters that no layer holds, such as a class token, are the model's own.
    plain = tuple(name or "model" for name in names)
    return Sanity(plain, np.stack(maps), np.array(correlations))


def sanity_check(
    model: nn.Module,
    image: Tensor,
    class_index: int,
    method: Method = "gradient",
    *,
    seed: int = 0,
    done: Callable[[int], object] = lambda count: None,
) -> Sanity:
    """The randomization test of a saliency method by its name, for the score of a class."""

    def explained(network: nn.Module, pixels: Tensor, target: Target) -> Tensor:
        return explain(method, network, pixels, target, Settings(seed=seed))

    target = class_score(class_index)
    return cascading_randomization(model, image, target, explained, seed=seed, done=done)


def layers_from_the_top(model: nn.Module, image: Tensor) -> list[str]:
    """The layers with parameters of their own by when they are first called, the last first."""
    called: list[str] = []
    own = [
        name
        for name, module in named_layers(model).items()
        if any(True for _ in module.parameters(recurse=False))
    ]
    with calls(model, own, lambda name, _module, _given: called.append(name), inputs=True):
        run_through(model, image)
    return list(dict.fromkeys(called))[::-1]


def rank_correlation(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    """Spearman's ρ of the absolute values of two maps; 0 where one of them is constant."""
    one, other = np.abs(one).ravel(), np.abs(other).ravel()
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def _explained(
    explain: Explain, model: nn.Module, image: Tensor, target: Target
) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = explain(model, image, target)[0].cpu().numpy()
    return values


def _own(modules: dict[str, nn.Module], name: str, called: set[str]) -> list[nn.Parameter]:
    """The parameters of a layer, and of those below it that are used without being called (the
    output of an attention)."""
    own = list(modules[name].parameters(recurse=False))
    for below, module in modules[name].named_modules(prefix=name):
        if below != name and below not in called and not _inside_another(below, name, called):
            own += module.parameters(recurse=False)
    return own


def _inside_another(below: str, name: str, called: set[str]) -> bool:
    return any(
        below.startswith(f"{other}.")
        for other in called
        if other != name and other.startswith(f"{name}." if name else "")
    )


def _redraw(parameter: nn.Parameter, random: torch.Generator) -> None:
    with torch.no_grad():
        normal = torch.randn(parameter.shape, generator=random).to(parameter)
        parameter.copy_(parameter.mean() + parameter.std(correction=0) * normal)
