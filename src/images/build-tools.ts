/** A program that building images needs, with the Debian package that has it. */
export interface BuildTool {
  readonly command: string;
  readonly package: string;
  readonly why: string;
}

/** Everything that image builds run beside Node itself. */
export const imageBuildTools: readonly BuildTool[] = [
  { command: "mksquashfs", package: "squashfs-tools", why: "packs root file systems" },
  { command: "apt-get", package: "apt", why: "downloads Debian packages" },
  { command: "dpkg-deb", package: "dpkg", why: "unpacks Debian packages" },
  { command: "tar", package: "tar", why: "unpacks npm packages" },
  { command: "npm", package: "npm", why: "downloads Node.js for the images" },
];
