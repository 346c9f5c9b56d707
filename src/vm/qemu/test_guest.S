// A guest for tests: it needs no kernel and no image, and notices wrong memory by itself.
//
// QEMU loads it as a multiboot kernel at 1 MiB, in 32-bit mode. It counts, without end. With each
// count it looks whether one of kPages pages still holds what was put there when that page's turn
// came last, puts the new count there, and prints it: eight hexadecimal digits and a newline. Once
// a page is wrong it prints "wrong" instead and stops.
  .section .rodata, "a"
  .globl wrenn_test_guest_begin
  .globl wrenn_test_guest_end

  .set kLoad, 0x100000
  .set kFirstPage, 0x1000000
  .set kPages, 256
  .set kStride, 0x6000   // So that every sixth page changes.
  .set kSerial, 0x3f8
  .set kFlags, 0x10000   // The addresses below are given.
  .set kMagic, 0x1badb002

  .balign 16
wrenn_test_guest_begin:
  .long kMagic, kFlags, -(kMagic + kFlags)
  .long kLoad                                                    // This header.
  .long kLoad                                                    // Load from here
  .long kLoad + (wrenn_test_guest_end - wrenn_test_guest_begin)  // to here,
  .long kLoad + 0x10000                                          // and clear to here.
  .long kLoad + (entry - wrenn_test_guest_begin)

  .code32
entry:
  xor %ebx, %ebx                 // The count.
next:
  inc %ebx
  mov %ebx, %eax
  and $(kPages - 1), %eax
  imul $kStride, %eax, %edi
  add $kFirstPage, %edi
  xor %edx, %edx
  cmp $kPages, %ebx
  jb 1f
  lea -kPages(%ebx), %edx
1:
  cmp %edx, (%edi)               // All but the first round finds what the last one left.
  jne wrong
  mov %ebx, (%edi)

  mov %ebx, %esi
  mov $8, %ecx
2:
  rol $4, %esi
  mov %esi, %eax
  and $15, %eax
  cmp $10, %eax
  jb 3f
  add $('a' - '0' - 10), %eax
3:
  add $'0', %eax
  mov $kSerial, %edx
  outb %al, %dx
  dec %ecx
  jnz 2b
  mov $'\n', %al
  outb %al, %dx

  mov $100000, %ecx
4:
  dec %ecx
  jnz 4b
  jmp next

wrong:
  mov $kSerial, %edx
  .irp letter, 'w', 'r', 'o', 'n', 'g'
  mov $\letter, %al
  outb %al, %dx
  .endr
5:
  jmp 5b
wrenn_test_guest_end:

  .section .note.GNU-stack, "", @progbits
