// contract.json, as bytes inside a test: where the test server runs there are no files.
        .section .rodata
        .global wrenn_contract_begin
        .global wrenn_contract_end
wrenn_contract_begin:
        .incbin WRENN_CONTRACT_FILE
wrenn_contract_end:
        .section .note.GNU-stack, "", @progbits
