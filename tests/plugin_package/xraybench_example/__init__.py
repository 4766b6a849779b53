"""An explainer and a metric for xraybench: all that a third party writes."""

from xraybench.spec import explainer, metric


@explainer(signed=False, needs="gradient", cost=3)
def absolute_gradient(model, images, targets, context):
    """Size of the logit's gradient (Simonyan et al. 2014): maps [B,H,W]."""
    images = images.detach().requires_grad_()
    model(images).gather(1, targets[:, None]).sum().backward(inputs=[images])
    return images.grad.abs().amax(1)


@metric(family="complexity", higher_is_better=None, range=(0, 1), reference="share of pixels above the map's mean")
def coverage(evidence):
    """Share of pixels above the map's mean, [B]."""
    return (evidence.maps > evidence.maps.mean((1, 2), keepdim=True)).double().mean((1, 2))
