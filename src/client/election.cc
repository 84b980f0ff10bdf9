#include "client/election.hh"

namespace polis::client {

bool OfficeView::on_page(const PicturePage& page) {
  if (page.first) candidates_.clear();
  for (const KeyValue& kv : page.keys) candidates_[kv.key] = kv;
  return page.last;
}

void OfficeView::on_changes(const Changes& changes) {
  for (const Event& event : changes.events) {
    if (event.kind == Event::Kind::kDelete) {
      candidates_.erase(event.now.key);
    } else {
      candidates_[event.now.key] = event.now;
    }
  }
}

std::optional<Office> OfficeView::holder() const {
  const KeyValue* first = nullptr;
  for (const auto& [key, kv] : candidates_) {
    if (first == nullptr || kv.created < first->created) first = &kv;
  }
  if (first == nullptr) return std::nullopt;
  return Office{first->key, first->value, FencingToken(first->created.value)};
}

Observer::Observer(Client& client, io::Loop& loop, const std::string& name, Changed changed)
    : changed_(std::move(changed)),
      watch_(client, loop, {.keys = Keys::with_prefix(name + "/"), .picture = Picture::kFirst},
             {.picture =
                  [this](const PicturePage& page) {
                    if (view_.on_page(page)) tell();
                  },
              .changes =
                  [this](const Changes& changes) {
                    view_.on_changes(changes);
                    tell();
                  }}) {}

void Observer::tell() {
  auto now = view_.holder();
  if (std::exchange(told_, true) && now == last_) return;
  last_ = now;
  auto changed = changed_;  // a copy: it may destroy this
  changed(now);
}

}  // namespace polis::client
