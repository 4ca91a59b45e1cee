package auth

import (
	"context"
	"errors"
	"slices"
	"testing"
)

var errBroken = errors.New("broken")

// broken are accounts that can't be read.
type broken struct{}

func (broken) User(context.Context, string) (User, error)        { return User{}, errBroken }
func (broken) ByExtension(context.Context, string) (User, error) { return User{}, errBroken }
func (broken) List(context.Context) ([]User, error)              { return nil, errBroken }

func TestUsers(t *testing.T) {
	file := Static([]User{{Name: "bob", Display: "file", Extension: "102"}, {Name: "alice", Display: "file"}})
	data := Static([]User{{Name: "carol", Extension: "103"}, {Name: "bob", Display: "data", Extension: "104"}, {Name: "dave", Extension: "102"}})
	both := Join(file, data)
	for _, tt := range []struct{ name, display string }{{"alice", "file"}, {"bob", "file"}, {"carol", ""}} {
		if u, err := both.User(t.Context(), tt.name); err != nil || u.Name != tt.name || u.Display != tt.display {
			t.Errorf("User(%s) = %+v, %v", tt.name, u, err)
		}
	}
	for _, tt := range []struct{ extension, name string }{{"102", "bob"}, {"103", "carol"}} {
		if u, err := both.ByExtension(t.Context(), tt.extension); err != nil || u.Name != tt.name {
			t.Errorf("ByExtension(%s) = %+v, %v", tt.extension, u, err)
		}
	}
	for _, extension := range []string{"", "1", "104"} { // 104 is hidden with its user
		if u, err := both.ByExtension(t.Context(), extension); !errors.Is(err, ErrNoUser) {
			t.Errorf("ByExtension(%q) = %+v, %v, want ErrNoUser", extension, u, err)
		}
	}
	if _, err := both.User(t.Context(), "zoe"); !errors.Is(err, ErrNoUser) {
		t.Errorf("User(zoe) = %v, want ErrNoUser", err)
	}
	list, err := both.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range list {
		names = append(names, u.Name)
	}
	if want := []string{"alice", "bob", "carol", "dave"}; !slices.Equal(names, want) || list[1].Display != "file" {
		t.Errorf("List = %+v, want %v with the file's bob", list, want)
	}
}

func TestUsersHandErrorsOn(t *testing.T) {
	for name, users := range map[string]Users{
		"first": Join(broken{}, Static(nil)), "second": Join(Static(nil), broken{}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err1 := users.User(t.Context(), "a")
			_, err2 := users.ByExtension(t.Context(), "1")
			_, err3 := users.List(t.Context())
			for _, err := range []error{err1, err2, err3} {
				if !errors.Is(err, errBroken) {
					t.Errorf("error %v, want that of the accounts", err)
				}
			}
		})
	}
}
