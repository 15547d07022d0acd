#!/usr/bin/env bash
# Makes the two faces in this folder again from Debian's package fonts-noto-cjk (1:20220127): the characters of the Table of General Standard
# Chinese Characters and of GB 2312, Latin letters with their accents, digits and punctuation; without hints and layout tables, which paper does not need.
# Needs Python with fonttools.
set -euo pipefail
cd "$(dirname "$0")"
for weight in Regular Bold; do
  pyftsubset "/usr/share/fonts/opentype/noto/NotoSansCJK-$weight.ttc" --font-number=2 --text-file=characters.txt \
    --unicodes=U+0020-007E,U+00A0-024F,U+2010-2027,U+2030-203B,U+2103,U+2116,U+2160-216B,U+2190-2193,U+2460-2473,U+3000-3029,U+FF01-FF65,U+FFE5 \
    --no-hinting --desubroutinize --layout-features= --no-layout-closure --drop-tables+=vhea,vmtx,VORG,GSUB,GPOS,GDEF,BASE,DSIG \
    --name-IDs=0,1,2,3,4,5,6,13,14 --notdef-outline --output-file="NotoSansSC-$weight.otf"
done
