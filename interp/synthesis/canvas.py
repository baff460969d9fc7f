"""How the image that is optimized is held: as its pixels, or as its spectrum."""

import torch
from torch import Tensor

# Standard deviations and directions of the colors of ImageNet's pixels: the square root of their
# covariance, scaled to a norm of 1. Olah, Mordvintsev and Schubert 2017, "Feature Visualization".
_COLORS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))

# The value that lucid has. With it, rates of about 0.05 suit Adam.
_DAMPING = 4
# Black and white as the sigmoid can give them: it never reaches 0 or 1.
_NEARLY = 1 / 255


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
        down = torch.fft.fftfreq(height)[:, None]
        across = torch.fft.rfftfreq(width)[None]
        frequency = (down**2 + across**2).sqrt()
        scale = 1 / frequency.clamp(min=1 / max(height, width))
        # So that the spread of the pixels does not depend on the size.
        self.scale = (scale * (height * width) ** 0.5).to(device)
        self.size = height, width
        noise = torch.randn(
            count, 3, *frequency.shape, 2, generator=torch.Generator().manual_seed(seed)
        )
        colors = torch.tensor(_COLORS)
        self.colors = (colors / colors.norm(dim=0).max()).to(device)
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
        logits = image.clamp(_NEARLY, 1 - _NEARLY).logit()
        planes = torch.einsum("oc,nchw->nohw", self.colors.inverse(), logits) * _DAMPING
        return torch.view_as_real(torch.fft.rfft2(planes) / self.scale)
