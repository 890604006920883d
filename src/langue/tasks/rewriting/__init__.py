"""The common ground of tasks that make a text of a text: translation, summarisation and denoising."""
