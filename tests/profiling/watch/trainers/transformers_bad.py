import tempfile

import torch
from torch import nn
from transformers import BertConfig, BertModel, PrinterCallback, Trainer, TrainingArguments


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        config = BertConfig(
            vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=16,
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.adapter = nn.Linear(16, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, input_ids, labels):
        hidden = self.bert(input_ids=input_ids).last_hidden_state[:, 0]
        hidden = hidden + self.adapter(hidden).detach()
        logits = self.head(hidden)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Words(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        words = (torch.arange(8) * (index + 3)) % 32
        return {"input_ids": words, "labels": torch.tensor(index % 3)}


def main():
    torch.manual_seed(0)
    model = Classifier()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=3, per_device_train_batch_size=2, gradient_accumulation_steps=2,
            max_grad_norm=1.0, report_to=[], save_strategy="no", logging_steps=1,
            disable_tqdm=True, use_cpu=True, learning_rate=1e-2,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=Words())
        # It prints how long it took.
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    print([round(each["loss"], 6) for each in trainer.state.log_history if "loss" in each])
    return model


model = main()
