/**
 * A guest of 37 bytes, as a BIOS image: it answers each byte that comes in on its serial port with
 * the processor's time stamp counter, bits 8 to 39, lowest byte first.
 */
export function counterProgram(): Buffer {
  const image = Buffer.alloc(64 * 1024);
  const code = [
    [0xba, 0xfd, 0x03], //             wait: mov dx, 0x3fd (line status of the first serial port)
    [0xec], //                               in al, dx
    [0xa8, 0x01], //                         test al, 1 (a byte has come in)
    [0x74, 0xf8], //                         jz wait
    [0xba, 0xf8, 0x03], //                   mov dx, 0x3f8 (its data)
    [0xec], //                               in al, dx
    [0x0f, 0x31], //                         rdtsc
    [0x66, 0x0f, 0xac, 0xd0, 0x08], //       shrd eax, edx, 8
    [0xba, 0xf8, 0x03], //                   mov dx, 0x3f8
    [0xb9, 0x04, 0x00], //                   mov cx, 4
    [0xee], //                         next: out dx, al
    [0x66, 0xc1, 0xe8, 0x08], //             shr eax, 8
    [0xe2, 0xf9], //                         loop next
    [0xeb, 0xde], //                         jmp wait
  ].flat();
  // The processor starts 16 bytes below the end; the program is 240 bytes further down.
  const reset = image.length - 16;
  image.set(code, reset - 240);
  image.set([0xe9, 0x0d, 0xff], reset); // jmp -243, counted from the next instruction
  return image;
}
