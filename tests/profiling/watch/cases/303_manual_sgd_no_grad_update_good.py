import torch

torch.manual_seed(0)
W1 = (torch.randn(4, 16) * 0.5).requires_grad_()
b1 = torch.zeros(16, requires_grad=True)
W2 = (torch.randn(16, 1) * 0.25).requires_grad_()
X = torch.randn(64, 4)
y = X.prod(1, keepdim=True)
losses = []
for epoch in range(8):
    for w in (W1, b1, W2):
        w.grad = None
    loss = (torch.tanh(X @ W1 + b1) @ W2 - y).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        for w in (W1, b1, W2):
            w -= 0.05 * w.grad
    losses.append(loss.item())
