package soak

import "sync"

// family tells which shards may be read now: a child only once all its parents have been read to their ends,
// so that no key's records come out of order, and each shard once.
type family struct {
	mutex   sync.Mutex
	waiting map[string][]string // the parents of each shard not begun
	known   map[string]bool
	ended   map[string]bool
}

func newFamily() *family {
	return &family{waiting: map[string][]string{}, known: map[string]bool{}, ended: map[string]bool{}}
}

// learn takes a shard in; one already known is left as it is.
func (f *family) learn(shard string, parents []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if !f.known[shard] {
		f.known[shard] = true
		f.waiting[shard] = parents
	}
}

// end notes that a shard was read to its end.
func (f *family) end(shard string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.ended[shard] = true
}

// begin answers the shards that can be read from now on; none is ever answered twice. Parents that are not
// known here have expired, and nothing is left to be read of them.
func (f *family) begin() (due []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for shard, parents := range f.waiting {
		if f.allEnded(parents) {
			due = append(due, shard)
			delete(f.waiting, shard)
		}
	}
	return due
}

func (f *family) allEnded(parents []string) bool {
	for _, each := range parents {
		if f.known[each] && !f.ended[each] {
			return false
		}
	}
	return true
}
