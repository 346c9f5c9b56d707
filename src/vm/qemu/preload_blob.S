// The bytes of the preload library, inside our own program: nothing to install beside it.
        .section .rodata
        .global wrenn_preload_begin
        .global wrenn_preload_end
wrenn_preload_begin:
        .incbin WRENN_PRELOAD_FILE
wrenn_preload_end:
        .section .note.GNU-stack,"",@progbits
