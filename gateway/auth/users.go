package auth

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Users looks accounts up. User and ByExtension give ErrNoUser when there is none.
type Users interface {
	User(ctx context.Context, name string) (User, error)
	ByExtension(ctx context.Context, extension string) (User, error)
	List(ctx context.Context) ([]User, error) // sorted by name
}

// static is a fixed set of accounts, sorted by name.
type static []User

// Static are accounts that never change, as those of the configuration file.
func Static(users []User) Users {
	return static(slices.SortedFunc(slices.Values(users), byName))
}

func byName(a, b User) int { return cmp.Compare(a.Name, b.Name) }

func (s static) User(_ context.Context, name string) (User, error) {
	i, found := slices.BinarySearchFunc(s, name, func(u User, name string) int { return cmp.Compare(u.Name, name) })
	if !found {
		return User{}, ErrNoUser
	}
	return s[i], nil
}

func (s static) ByExtension(_ context.Context, extension string) (User, error) {
	i := slices.IndexFunc(s, func(u User) bool { return u.Extension == extension })
	if extension == "" || i < 0 {
		return User{}, ErrNoUser
	}
	return s[i], nil
}

func (s static) List(context.Context) ([]User, error) { return slices.Clone(s), nil }

// joined asks first, then second.
type joined struct{ first, second Users }

// Join makes one of two sets. An account of first hides that of second with the same name.
func Join(first, second Users) Users { return joined{first, second} }

func (j joined) User(ctx context.Context, name string) (User, error) {
	u, err := j.first.User(ctx, name)
	if errors.Is(err, ErrNoUser) {
		return j.second.User(ctx, name)
	}
	return u, err
}

func (j joined) ByExtension(ctx context.Context, extension string) (User, error) {
	u, err := j.first.ByExtension(ctx, extension)
	if !errors.Is(err, ErrNoUser) {
		return u, err
	}
	if u, err = j.second.ByExtension(ctx, extension); err != nil {
		return User{}, err
	}
	switch _, err = j.first.User(ctx, u.Name); {
	case errors.Is(err, ErrNoUser):
		return u, nil
	case err != nil:
		return User{}, err
	}
	return User{}, ErrNoUser // hidden
}

func (j joined) List(ctx context.Context) ([]User, error) {
	first, err := j.first.List(ctx)
	if err != nil {
		return nil, err
	}
	second, err := j.second.List(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(first, second)
	slices.SortStableFunc(all, byName)
	return slices.CompactFunc(all, func(a, b User) bool { return a.Name == b.Name }), nil
}
