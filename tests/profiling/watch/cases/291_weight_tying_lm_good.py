import torch
from torch import nn

torch.manual_seed(0)


class TiedLM(nn.Module):
    def __init__(self, vocab=25, d=12, ctx=8):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d), nn.Embedding(ctx, d)
        self.block = nn.TransformerEncoderLayer(d, 2, 24, dropout=0.0, batch_first=True, norm_first=True)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.lm_head.weight = self.wte.weight
        self.register_buffer("mask", torch.triu(torch.full((ctx, ctx), float("-inf")), 1))

    def forward(self, ids):
        h = self.wte(ids) + self.wpe(torch.arange(ids.size(1)))
        return self.lm_head(self.block(h, src_mask=self.mask))


lm = TiedLM()
decay = [p for p in lm.parameters() if p.dim() >= 2]
no_decay = [p for p in lm.parameters() if p.dim() < 2]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": no_decay, "weight_decay": 0.0}], lr=1e-3)
for step in range(4):
    ids = torch.randint(0, 25, (4, 9))
    loss = nn.functional.cross_entropy(lm(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
    opt.zero_grad()
    loss.backward()
    opt.step()
