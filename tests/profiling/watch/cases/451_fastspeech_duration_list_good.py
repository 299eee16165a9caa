import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class DurationPredictor(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.conv = nn.Conv1d(d, d, 3, padding=1)
        self.proj = nn.Linear(d, 1)

    def forward(self, h):
        h = F.relu(self.conv(h.transpose(1, 2))).transpose(1, 2)
        return self.proj(h).squeeze(-1)


class FastSpeechLite(nn.Module):
    def __init__(self, phones=30, d=16, mels=8):
        super().__init__()
        self.emb = nn.Embedding(phones, d)
        self.encoder = nn.GRU(d, d, batch_first=True)
        self.duration = DurationPredictor(d)
        self.decoder = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, mels))

    def regulate(self, h, log_dur):
        expanded = []
        for states, dur in zip(h, log_dur.exp().tolist()):
            reps = torch.tensor([max(1, round(v)) for v in dur])
            expanded.append(states.repeat_interleave(reps, dim=0))
        return nn.utils.rnn.pad_sequence(expanded, batch_first=True)

    def forward(self, phones):
        h, _ = self.encoder(self.emb(phones))
        log_dur = self.duration(h)
        return self.decoder(self.regulate(h, log_dur)), log_dur


tts = FastSpeechLite()
opt = torch.optim.Adam(tts.parameters(), lr=1e-3)
for step in range(3):
    phones = torch.randint(0, 30, (3, 6))
    target_dur = torch.randint(1, 4, (3, 6)).float()
    mel_pred, log_dur = tts(phones)
    mel = torch.randn(3, mel_pred.size(1), 8)
    loss = F.l1_loss(mel_pred, mel)
    loss = loss + 0.1 * F.mse_loss(log_dur, target_dur.log())
    opt.zero_grad()
    loss.backward()
    opt.step()
