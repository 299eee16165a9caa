import torch
from torch import nn, optim

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2)
loaders = {p: [(torch.randn(6, 1, 8, 8), torch.randint(0, 3, (6,))) for _ in range(2)] for p in ("train", "val")}

for epoch in range(2):
    for phase in ["train", "val"]:
        net.train(phase == "train")
        running_loss, corrects = 0.0, 0
        for inputs, labels in loaders[phase]:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                outputs = net(inputs)
                loss = criterion(outputs, labels)
            if phase == "train":
                loss.backward()
                optimizer.step()
            running_loss += loss.item() * inputs.size(0)
            corrects += (outputs.argmax(1) == labels).sum().item()
    scheduler.step()
