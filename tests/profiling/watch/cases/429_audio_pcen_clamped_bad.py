import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PCEN(nn.Module):
    """Per-channel energy normalisation with a learned gain exponent."""

    def __init__(self, n_bins):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((n_bins, 1), 1.2))
        self.delta = nn.Parameter(torch.full((n_bins, 1), 2.0))

    def forward(self, spec):
        smooth = F.avg_pool1d(spec, 5, stride=1, padding=2)
        alpha = self.alpha.clamp(0.0, 1.0)
        delta = self.delta.clamp(min=1e-3)
        return (spec / (1e-6 + smooth) ** alpha + delta).sqrt() - delta.sqrt()


class KeywordNet(nn.Module):
    def __init__(self, n_fft=64, classes=4):
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft))
        self.pcen = PCEN(n_fft // 2 + 1)
        self.conv = nn.Conv1d(n_fft // 2 + 1, 16, 3, padding=1)
        self.fc = nn.Linear(16, classes)

    def forward(self, wav):
        spec = torch.stft(wav, self.n_fft, 32, window=self.window, return_complex=True).abs() ** 2
        h = F.relu(self.conv(self.pcen(spec)))
        return self.fc(h.mean(-1))


net = KeywordNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(3):
    wav, label = torch.randn(4, 640), torch.randint(0, 4, (4,))
    loss = F.cross_entropy(net(wav), label)
    opt.zero_grad()
    loss.backward()
    opt.step()
