"""Networks that start from ImageNet: the brain tumour network and the recipes grow from them."""
