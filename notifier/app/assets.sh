#!/bin/sh
# Prints an assembler file that holds the files named as arguments, each followed by a NUL, and the
# table `assets` of app/assets.h.
echo '	.section .rodata'
n=0
for file; do
	printf 'asset_%d:\n\t.incbin "%s"\nasset_%d_end:\n\t.byte 0\npath_%d:\n\t.asciz "%s"\n' \
	    $n "$file" $n $n "$file"
	n=$((n + 1))
done
printf '\t.section .data.rel.ro,"aw"\n\t.balign 8\n\t.globl assets\nassets:\n'
i=0
while [ $i -lt $n ]; do
	printf '\t.quad path_%d, asset_%d, asset_%d_end\n' $i $i $i
	i=$((i + 1))
done
printf '\t.section .rodata\n\t.balign 8\n\t.globl asset_count\nasset_count:\n\t.quad %d\n' $n
printf '\t.section .note.GNU-stack,"",%%progbits\n'
