import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Gan(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
        self.critic = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 1))

    def training_step(self, batch, batch_idx):
        (real,) = batch
        for_generator, for_critic = self.optimizers()
        fake = self.generator(torch.randn(len(real), 2)).detach()

        self.toggle_optimizer(for_critic)
        loss = self.critic(fake).mean() - self.critic(real).mean()
        for_critic.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(for_critic, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
        for_critic.step()
        self.untoggle_optimizer(for_critic)

        loss = -self.critic(fake).mean()
        for_generator.zero_grad()
        self.manual_backward(loss)
        for_generator.step()

    def configure_optimizers(self):
        return (
            torch.optim.RMSprop(self.generator.parameters(), lr=1e-2),
            torch.optim.RMSprop(self.critic.parameters(), lr=1e-2),
        )


torch.manual_seed(0)
data = TensorDataset(torch.rand(16, 4))
model = Gan()
trainer = lightning.Trainer(
    max_steps=8, accelerator="cpu", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False,
)
trainer.fit(model, DataLoader(data, batch_size=4))
