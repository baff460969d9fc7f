"""How the image that is optimized is held: as its pixels, its spectrum, or its phases alone."""

import torch
from torch import Tensor
from torchvision.transforms import functional as vision

# Standard deviations and directions of the colors of ImageNet's pixels: the square root of their
# covariance, scaled to a norm of 1. Olah, Mordvintsev and Schubert 2017, "Feature Visualization".
_COLORS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))

# The value that lucid has. With it, rates of about 0.05 suit Adam.
_DAMPING = 4
# Black and white as the sigmoid can give them: it never reaches 0 or 1.
_NEARLY = 1 / 255
# Standard deviation of decorrelated colors before the sigmoid, where sizes of frequencies are kept.
_CONTRAST = 1.7
# What `faded` keeps whole: the greatest tenth of the gradient, blurred by this part of the sides.
_WHOLE = 0.9
_SOFT = 1 / 80
_GRAY = 0.5


class PixelCanvas:
    """The image itself: `start`, N×3×H×W, is copied."""

    def __init__(self, start: Tensor) -> None:
        self.pixels = start.detach().clone().requires_grad_()

    def parameters(self) -> list[Tensor]:
        """The pixels."""
        return [self.pixels]

    def picture(self) -> Tensor:
        """The pixels, as they are; nothing keeps them within 0..1."""
        return self.pixels


class FourierCanvas:
    """Fourier coefficients of decorrelated colors, and a sigmoid: always within 0..1.

    In this basis a gradient step is not dominated by single pixels: every frequency is scaled as
    it is in photographs, by 1/f. Olah, Mordvintsev and Schubert 2017, "Feature Visualization".

    Args:
        count, height, width: Number of the images, and their size in pixels.
        seed: Seed of the noise that they start from.
        spread: Standard deviation of the noise. It is small, so that they start gray.
        start: N×3×H×W in 0..1, which the noise is added to; mid-gray by default.
        device: Where the parameters live.
    """

    def __init__(
        self,
        count: int,
        height: int,
        width: int,
        *,
        seed: int = 0,
        spread: float = 0.01,
        start: Tensor | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        # So that the spread of the pixels does not depend on the size.
        self.scale = (_amplitudes(height, width) * (height * width) ** 0.5).to(device)
        self.size = height, width
        noise = torch.randn(
            count, 3, *self.scale.shape, 2, generator=torch.Generator().manual_seed(seed)
        )
        self.colors = _colors().to(device)
        spectrum = (spread * noise).to(device)
        if start is not None:
            spectrum += self._spectrum(start.to(device))
        self.spectrum = spectrum.requires_grad_()

    def parameters(self) -> list[Tensor]:
        """The spectrum, N×3×H×(W/2+1)×2."""
        return [self.spectrum]

    def picture(self) -> Tensor:
        """N×3×H×W within 0..1."""
        planes = torch.fft.irfft2(torch.view_as_complex(self.spectrum) * self.scale, s=self.size)
        planes = planes / _DAMPING
        return torch.einsum("oc,nchw->nohw", self.colors, planes).sigmoid()

    def _spectrum(self, image: Tensor) -> Tensor:
        """What `picture` makes `image` of, whose black and white become nearly so."""
        planes = _planes(image, self.colors) * _DAMPING
        return torch.view_as_real(torch.fft.rfft2(planes) / self.scale)


class PhaseCanvas:
    """Phases of the frequencies of decorrelated colors, whose sizes stay as in photographs.

    Only where something is can change, not how strong a frequency or a color is. So there are no
    specks, and no cast. Fel et al. 2023, "Unlocking Feature Visualization for Deeper Networks with
    MAgnitude Constrained Optimization".

    Args:
        start: N×3×H×W in 0..1, whose phases and mean color it starts from.
        seed: Seed of the faint noise on `start`, so that a flat one has phases.
    """

    def __init__(self, start: Tensor, *, seed: int = 0) -> None:
        self.size = height, width = start.shape[2], start.shape[3]
        self.colors = _colors().to(start)
        self.scale = _amplitudes(height, width).to(start)
        planes = _planes(start, self.colors)
        self.mean = planes.mean((2, 3), keepdim=True)
        self.scale[0, 0] = 0
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(start.shape, generator=generator).to(start) * _NEARLY
        self.phases = torch.fft.rfft2(planes + noise).angle().requires_grad_()
        self._importance = torch.zeros_like(start[:, :1])

    def parameters(self) -> list[Tensor]:
        """The phases, N×3×H×(W/2+1)."""
        return [self.phases]

    def picture(self) -> Tensor:
        """N×3×H×W within 0..1."""
        spectrum = torch.polar(self.scale.expand_as(self.phases).contiguous(), self.phases)
        planes = torch.fft.irfft2(spectrum, s=self.size)
        planes = self.mean + _CONTRAST * planes / planes.std((2, 3), correction=0, keepdim=True)
        picture = torch.einsum("oc,nchw->nohw", self.colors, planes).sigmoid()
        if picture.requires_grad:
            picture.register_hook(self._remember)  # type: ignore[no-untyped-call]
        return picture

    def faded(self) -> Tensor:
        """The picture, gray where no step has asked for anything: there it is noise to the end."""
        reach = max(1.0, _SOFT * max(self.size))
        side = 2 * min(round(3 * reach), min(self.size) - 1) + 1
        soft = vision.gaussian_blur(self._importance, [side, side], [reach, reach])
        most = soft.flatten(1).quantile(_WHOLE, dim=1).view(-1, 1, 1, 1)
        share = (soft / most.clamp(min=torch.finfo(soft.dtype).tiny)).clamp(0, 1)
        return torch.lerp(torch.full_like(soft, _GRAY), self.picture().detach(), share)

    def _remember(self, gradient: Tensor) -> None:
        self._importance += gradient.abs().mean(1, keepdim=True)


def _amplitudes(height: int, width: int) -> Tensor:
    """1/f of each frequency that a real FFT has, H×(W/2+1): what photographs have on average."""
    down = torch.fft.fftfreq(height)[:, None]
    across = torch.fft.rfftfreq(width)[None]
    frequency: Tensor = (down**2 + across**2).sqrt()
    return frequency.clamp(min=1 / max(height, width)).reciprocal()


def _colors() -> Tensor:
    """3×3: from decorrelated colors to R, G and B before the sigmoid."""
    colors = torch.tensor(_COLORS)
    scaled: Tensor = colors / colors.norm(dim=0).max()
    return scaled


def _planes(image: Tensor, colors: Tensor) -> Tensor:
    """The decorrelated colors of N×3×H×W in 0..1 before the sigmoid."""
    logits = image.clamp(_NEARLY, 1 - _NEARLY).logit()
    return torch.einsum("oc,nchw->nohw", colors.inverse(), logits)
