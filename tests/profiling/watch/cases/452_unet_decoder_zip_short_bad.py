import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class ConvBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv1d(cin, cout, 5, padding=2)
        self.norm = nn.GroupNorm(1, cout)

    def forward(self, x):
        return F.leaky_relu(self.norm(self.conv(x)), 0.1)


class WaveUNet(nn.Module):
    """Source separation on the waveform."""

    def __init__(self, c=8):
        super().__init__()
        self.encoders = nn.ModuleList([ConvBlock(1, c), ConvBlock(c, c), ConvBlock(c, c)])
        self.bottleneck = ConvBlock(c, c)
        self.decoders = nn.ModuleList([ConvBlock(2 * c, c), ConvBlock(2 * c, c), ConvBlock(2 * c, c)])
        self.out = nn.Conv1d(c, 1, 1)

    def forward(self, x):
        n, skips = x.size(-1), []
        for enc in self.encoders:
            x = enc(x)
            skips.append(x)
            x = x[..., ::2]
        x = self.bottleneck(x)
        for dec, skip in zip(self.decoders, skips[:0:-1]):
            x = F.interpolate(x, size=skip.size(-1), mode="linear")
            x = dec(torch.cat([x, skip], dim=1))
        return F.interpolate(self.out(x), size=n, mode="linear")


model = WaveUNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    vocal, music = torch.randn(2, 1, 64), torch.randn(2, 1, 64)
    loss = F.l1_loss(model(vocal + music), vocal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
