import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
SOS, VOCAB = 1, 24


class Seq2Seq(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.src_emb, self.tgt_emb = nn.Embedding(VOCAB, d), nn.Embedding(VOCAB, d)
        self.encoder = nn.GRU(d, d, batch_first=True)
        self.decoder = nn.GRUCell(2 * d, d)
        self.attn_query = nn.Linear(d, d, bias=False)
        self.attn_key = nn.Linear(d, d, bias=False)
        self.out = nn.Linear(2 * d, VOCAB)

    def attend(self, h, memory, keys):
        scores = torch.einsum("bd,btd->bt", self.attn_query(h), keys)
        best = scores.max(dim=1, keepdim=True).values
        alpha = scores.softmax(dim=1)
        return torch.einsum("bt,btd->bd", alpha, memory)

    def forward(self, src, tgt, teacher_forcing=0.5):
        memory, h = self.encoder(self.src_emb(src))
        h, keys = h[0], self.attn_key(memory)
        token, logits = torch.full((src.size(0),), SOS), []
        for t in range(tgt.size(1)):
            ctx = self.attend(h, memory, keys)
            h = self.decoder(torch.cat([self.tgt_emb(token), ctx], -1), h)
            step_logits = self.out(torch.cat([h, ctx], -1))
            logits.append(step_logits)
            use_teacher = torch.rand(()) < teacher_forcing
            token = tgt[:, t] if use_teacher else step_logits.argmax(-1)
        return torch.stack(logits, 1)


model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    src, tgt = torch.randint(2, VOCAB, (6, 8)), torch.randint(2, VOCAB, (6, 5))
    loss = F.cross_entropy(model(src, tgt).transpose(1, 2), tgt)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
