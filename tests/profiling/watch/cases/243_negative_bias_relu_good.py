import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(8, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        if m.out_features > 1:
            nn.init.constant_(m.bias, 0.01)


net.apply(init_weights)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
x = torch.rand(64, 8)
y = x.mean(1, keepdim=True)
for epoch in range(5):
    pred = net(x)
    loss = nn.functional.mse_loss(pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
