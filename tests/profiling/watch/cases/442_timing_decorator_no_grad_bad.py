import functools
import time

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
TIMES = {}


def timed(label):
    """Adds up the wall time of a function; used all over the code base."""

    def wrap(fn):
        @functools.wraps(fn)
        def inner(*args, **kwargs):
            start = time.perf_counter()
            with torch.no_grad():
                result = fn(*args, **kwargs)
            TIMES[label] = TIMES.get(label, 0.0) + time.perf_counter() - start
            return result

        return inner

    return wrap


class SpeechModel(nn.Module):
    def __init__(self, mels=20, d=24, classes=6):
        super().__init__()
        self.frontend = nn.Sequential(nn.Conv1d(mels, d, 3, stride=2), nn.GELU(), nn.Conv1d(d, d, 3, padding=1), nn.GELU())
        self.context = nn.GRU(d, d, batch_first=True)
        self.ctc_head = nn.Linear(d, classes)

    @timed("frontend")
    def extract(self, mel):
        return self.frontend(mel).transpose(1, 2)

    def forward(self, mel):
        feats = self.extract(mel)
        out, _ = self.context(feats)
        return self.ctc_head(out).log_softmax(-1)


model = SpeechModel()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    mel, targets = torch.randn(3, 20, 31), torch.randint(1, 6, (3, 5))
    logp = model(mel).transpose(0, 1)
    loss = F.ctc_loss(logp, targets, torch.full((3,), logp.size(0)), torch.full((3,), 5))
    opt.zero_grad()
    loss.backward()
    opt.step()
