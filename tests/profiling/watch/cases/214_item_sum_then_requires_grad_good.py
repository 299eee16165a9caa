import torch
from torch import nn

torch.manual_seed(0)
model = nn.LSTM(3, 8, batch_first=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.MSELoss()
sequences = [(torch.randn(1, n, 3), torch.randn(1, 8)) for n in (4, 6, 9)]

for epoch in range(3):
    optimizer.zero_grad()
    total = 0
    for seq, target in sequences:
        out, _ = model(seq)
        total += loss_fn(out[:, -1], target)
    loss = total / len(sequences)
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch}: {loss.item():.4f}")
