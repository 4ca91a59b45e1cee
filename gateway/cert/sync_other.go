//go:build !unix

package cert

// syncDir has nothing to do: folders can't be synced here, the file system's journal does it.
func syncDir(string) error { return nil }
