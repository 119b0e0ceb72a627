"""Trains a classifier of sentences: `python train.py data.workers=4`."""

import time
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from src.utils import RankedLogger, extras, get_metric_value, task_wrapper

log = RankedLogger(__name__, rank_zero_only=True)


def make_loader(cfg: DictConfig) -> Any:
    """Build the loader of the training sentences."""
    import torch

    from src.data import Sentences, collate

    dataset = Sentences(cfg.sentences, cfg.length, cfg.words, classes=3)
    return torch.utils.data.DataLoader(
        dataset,
        batch_size=cfg.batch_size,
        num_workers=cfg.workers,
        collate_fn=collate,
        multiprocessing_context=cfg.start_method if cfg.workers else None,
    )


def make_model(cfg: DictConfig, words: int) -> Any:
    """Build a small BERT that nobody has trained."""
    from transformers import AutoModelForSequenceClassification, BertConfig

    from src.models import SentenceClassifier

    config = BertConfig(
        vocab_size=words,
        hidden_size=cfg.hidden,
        intermediate_size=2 * cfg.hidden,
        num_hidden_layers=cfg.layers,
        num_attention_heads=2,
        num_labels=cfg.classes,
    )
    network = AutoModelForSequenceClassification.from_config(config)
    return SentenceClassifier(network, cfg.learning_rate, cfg.warmup)


@task_wrapper
def train(cfg: DictConfig) -> dict[str, Any]:
    """Train for a few steps and return the metrics."""
    import lightning as L
    import wandb

    from src.utils import instantiate_callbacks, log_hyperparameters

    L.seed_everything(cfg.seed, workers=True, verbose=False)
    loader = make_loader(cfg.data)

    began = time.perf_counter()
    batch = next(iter(loader))
    log.info(f"first batch of {len(batch['labels'])} after {time.perf_counter() - began:.3f} s")
    if cfg.dry_run:
        return {}

    model = make_model(cfg.model, cfg.data.words)
    run = wandb.init(mode=cfg.wandb.mode, config=OmegaConf.to_container(cfg, resolve=True))
    trainer = L.Trainer(
        max_steps=cfg.trainer.max_steps,
        accelerator="cpu",
        logger=False,
        callbacks=instantiate_callbacks(cfg.get("callbacks")),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    log_hyperparameters(cfg, model, trainer)
    trainer.fit(model, loader)
    run.finish()
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(cfg: DictConfig) -> None:
    """Train, and print how well it went."""
    extras(cfg)
    metrics = train(cfg)
    if metrics:
        print(f"loss {get_metric_value(metrics, 'train/loss'):.4f}")


if __name__ == "__main__":
    main()
