import math

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PositionalEncoding(nn.Module):
    def __init__(self, d, max_len=64):
        super().__init__()
        pos = torch.arange(max_len)[:, None]
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(max_len, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class SequenceTagger(nn.Module):
    def __init__(self, vocab=40, d=16, tags=5):
        super().__init__()
        self.embed = nn.Embedding(vocab, d, padding_idx=0)
        self.pos = PositionalEncoding(d)
        self.encoder_layer = nn.TransformerEncoderLayer(d, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(self.encoder_layer, num_layers=2, enable_nested_tensor=False)
        self.tagger = nn.Linear(d, tags)

    def forward(self, ids):
        pad = ids == 0
        h = self.encoder(self.pos(self.embed(ids)), src_key_padding_mask=pad)
        return self.tagger(h)


net = SequenceTagger()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
for step in range(3):
    ids, tags = torch.randint(1, 40, (4, 9)), torch.randint(0, 5, (4, 9))
    ids[0, 6:] = 0
    loss = F.cross_entropy(net(ids)[ids != 0], tags[ids != 0])
    opt.zero_grad()
    loss.backward()
    opt.step()
