// Writes a directory as a tar with Go's archive/tar: tar DIR FILE pax|gnu
package main

import (
	"archive/tar"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"syscall"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	root, format := os.Args[1], tar.FormatPAX
	if os.Args[3] == "gnu" {
		format = tar.FormatGNU
	}
	out, err := os.Create(os.Args[2])
	check(err)
	writer := tar.NewWriter(out)
	seen := map[uint64]string{}
	check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		check(err)
		info, err := os.Lstat(path)
		check(err)
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			link, err = os.Readlink(path)
			check(err)
		}
		header, err := tar.FileInfoHeader(info, link)
		check(err)
		name, err := filepath.Rel(root, path)
		check(err)
		header.Name, header.Format = name, format
		header.Uname, header.Gname = "", ""
		if info.IsDir() {
			header.Name += "/"
		}
		stat := info.Sys().(*syscall.Stat_t)
		if first, known := seen[stat.Ino]; known && !info.IsDir() {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		}
		seen[stat.Ino] = name
		check(writer.WriteHeader(header))
		if header.Typeflag == tar.TypeReg && header.Size > 0 {
			file, err := os.Open(path)
			check(err)
			_, err = io.Copy(writer, file)
			check(err)
			check(file.Close())
		}
		return nil
	}))
	check(writer.Close())
	check(out.Close())
}
