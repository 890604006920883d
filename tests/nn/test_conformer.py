"""The Conformer against Transformers': its convolution, causal and not, and a whole block."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from langue.models import ModelConfig, build
from langue.models.stack import Stack
from langue.nn.block import Block
from langue.nn.convolution import Convolution
from langue.nn.layout import Layout
from langue.nn.norm import LayerNorm

transformers = pytest.importorskip("transformers")

WIDTH, LENGTH = 12, 9


def disturbed(module: nn.Module) -> nn.Module:
    """None of whose numbers is without effect."""
    draws = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = parameter.data + torch.randn(parameter.shape, generator=draws, dtype=parameter.dtype) * 0.2
    return module.double().eval()


def layout_of(x: Tensor, valid: Tensor | None = None, *, causal: bool = False) -> Layout:
    return Layout.of(x[..., 0], valid, None, causal=causal)


def copy_convolution(ours: Convolution, theirs: nn.Module) -> None:
    ours.input.weight.copy_(theirs.pointwise_conv1.weight[..., 0])
    ours.weight.copy_(theirs.depthwise_conv.weight[:, 0])
    ours.output.weight.copy_(theirs.pointwise_conv2.weight[..., 0])


@pytest.mark.parametrize("size", [1, 3, 7])
@torch.no_grad()
def test_a_causal_convolution_is_seamless_m4ts(size):
    """The second version's, which norms each position by itself too."""
    from transformers.models.seamless_m4t_v2 import modeling_seamless_m4t_v2 as seamless

    config = transformers.SeamlessM4Tv2Config(hidden_size=WIDTH, conv_depthwise_kernel_size=size)
    theirs = disturbed(seamless.SeamlessM4Tv2ConformerConvolutionModule(config))
    ours = Convolution(WIDTH, size=size, causal=True, norm=LayerNorm(WIDTH, 1e-5, True), bias=False).double()
    copy_convolution(ours, theirs)
    ours.norm.load_state_dict(theirs.depthwise_layer_norm.state_dict())
    x = torch.randn(3, LENGTH, WIDTH, dtype=torch.float64)
    valid = torch.arange(LENGTH) < torch.tensor([LENGTH, 4, 1])[:, None]
    # Theirs norms what comes in by itself; ours has that in its wrapper.
    found = ours(theirs.layer_norm(x), layout_of(x, valid, causal=True))
    torch.testing.assert_close(found[valid], theirs(x, attention_mask=valid.long())[valid])


@pytest.mark.parametrize("size", [3, 5])
@torch.no_grad()
def test_a_block_is_wav2vec2s(size):
    """Whose norm over the batch is set to do nothing, as ours is taken out."""
    from transformers.models.wav2vec2_conformer import modeling_wav2vec2_conformer as wav2vec2

    config = transformers.Wav2Vec2ConformerConfig(
        hidden_size=WIDTH,
        num_attention_heads=2,
        intermediate_size=20,
        conv_depthwise_kernel_size=size,
        hidden_act="swish",
        position_embeddings_type=None,
    )
    theirs = disturbed(wav2vec2.Wav2Vec2ConformerEncoderLayer(config))
    norm = theirs.conv_module.batch_norm
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(1.0)
    norm.bias.zero_()
    ours = our_block(size)
    copy_block(ours, theirs)
    x = torch.randn(3, LENGTH, WIDTH, dtype=torch.float64)
    expected = theirs(x)  # with the attention weights in some versions
    torch.testing.assert_close(ours(x, layout_of(x)), expected[0] if isinstance(expected, tuple) else expected)


def our_block(size: int) -> Block:
    config = ModelConfig(
        form="encoder",
        block="conformer",
        convolution=size,
        layers=1,
        width=WIDTH,
        heads=2,
        position="none",
        norm="layer",
        feedforward="silu",
        feedforward_width=20,
        bias=True,
    )
    block = Stack(config, causal=False).blocks[0]
    assert isinstance(block, Block)
    assert block.convolution is not None
    block.convolution.norm = nn.Identity()
    for linear in (block.convolution.input, block.convolution.output):
        linear.bias = None
    return block.double()


def copy_block(ours: Block, theirs: nn.Module) -> None:
    assert ours.convolution is not None
    copy_convolution(ours.convolution, theirs.conv_module)
    norms = (theirs.ffn1_layer_norm, theirs.self_attn_layer_norm, theirs.conv_module.layer_norm, theirs.ffn2_layer_norm)
    for wrapper, norm in zip(ours.sublayers, norms, strict=True):
        wrapper.norm.load_state_dict(norm.state_dict())
    ours.norm.load_state_dict(theirs.final_layer_norm.state_dict())
    for feedforward, their in ((ours.opening, theirs.ffn1), (ours.feedforward, theirs.ffn2)):
        feedforward.input.load_state_dict(their.intermediate_dense.state_dict())
        feedforward.output.load_state_dict(their.output_dense.state_dict())
    parts = [getattr(theirs.self_attn, f"linear_{letter}") for letter in "qkv"]
    ours.mixer.query_key_value.weight.copy_(torch.cat([part.weight for part in parts]))
    ours.mixer.query_key_value.bias.copy_(torch.cat([part.bias for part in parts]))
    ours.mixer.output.load_state_dict(theirs.self_attn.linear_out.state_dict())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_position_listens_to_its_neighbours(size):
    convolution = Convolution(WIDTH, size=size, causal=False, norm=nn.Identity(), bias=False)
    for parameter in convolution.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(1, LENGTH, WIDTH, requires_grad=True)
    convolution(x, layout_of(x))[0, 4].sum().backward()
    assert x.grad is not None
    heard = x.grad[0].any(-1).nonzero().flatten().tolist()
    assert heard == list(range(4 - (size - 1 - size // 2), 4 + size // 2 + 1))


def test_first_values_of_a_convolution():
    model = build(ModelConfig(preset="conformer-nano", vocab_size=9, zero_output=False, convolution=64))
    values = {name: parameter.detach() for name, parameter in model.named_parameters()}
    assert float(values["stack.blocks.0.convolution.weight"].std()) == pytest.approx(64**-0.5, rel=0.05)
    assert float(values["stack.blocks.0.convolution.output.weight"].std()) == pytest.approx((128 * 6) ** -0.5, rel=0.05)
    assert (values["stack.blocks.0.convolution.norm.weight"] == 1).all()
    assert {"stack.blocks.0.convolution.input.weight", "stack.blocks.2.opening.output.weight"} < model.matrices().keys()


@pytest.mark.parametrize(
    "fields", [{"norm_place": "post"}, {"residual": False, "tie_embeddings": False}, {"feedforward": "none"}]
)
def test_what_is_no_conformer_is_refused(fields):
    with pytest.raises(ValueError, match="block: conformer wants"):
        ModelConfig(block="conformer", **fields)
