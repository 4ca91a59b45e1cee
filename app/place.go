package main

import (
	"flag"

	"cordboard/gateway"
)

// place is which configuration and data folder a command works with.
type place struct{ config, data string }

func (p *place) flags(f *flag.FlagSet) {
	p.dataFlag(f)
	f.StringVar(&p.config, "config", "", "the configuration `FILE`; else cordboard.toml in the data folder or in /etc/cordboard")
}

// dataFlag is for commands that speak to the Cordboard of a data folder and read no configuration.
func (p *place) dataFlag(f *flag.FlagSet) {
	f.StringVar(&p.data, "data", "", "the data folder `DIR`, with accounts and certificates")
}

// load finds the data folder and reads the configuration. file is the one read, empty when there is none.
func (p place) load() (cfg gateway.Config, file, dir string, err error) {
	file, dir, err = p.find()
	if err != nil {
		return gateway.Config{}, "", "", err
	}
	cfg, err = gateway.Load(file)
	return cfg, file, dir, err
}

// find gives the configuration file, empty when there is none, and the data folder.
func (p place) find() (file, dir string, err error) {
	if dir, err = p.dir(); err != nil {
		return "", "", err
	}
	if file = p.config; file == "" {
		file, err = gateway.FindConfig(dir)
	}
	return file, dir, err
}

// dir gives the data folder.
func (p place) dir() (string, error) {
	if p.data != "" {
		return p.data, nil
	}
	return gateway.DataDir()
}

// accounts opens the accounts of that place; close them after use.
func (p place) accounts() (*gateway.Accounts, error) {
	cfg, _, dir, err := p.load()
	if err != nil {
		return nil, err
	}
	return gateway.OpenAccounts(cfg, dir)
}
