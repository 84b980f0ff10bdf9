#include "model/yaml.hh"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <optional>
#include <sstream>

#include "model/form.hh"
#include "model/text_position.hh"

namespace polis::model::yaml {
namespace {

constexpr std::size_t kShownMax = 60;  // bytes of a value in a message

// What is read as YAML, and is no part of an application file. Ends the reading.
struct Refused {
  Mark mark;
  std::string text;
};

// yaml-cpp's columns are bytes.
Mark mark_of(const YAML::Mark& mark, Columns& columns) {
  const auto line = static_cast<std::uint32_t>(std::max(mark.line, 0) + 1);
  return {line, columns.characters(line, static_cast<std::uint32_t>(std::max(mark.column, 0) + 1))};
}

// Builds the tree from the parser's events.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::size_t& nodes, Columns& columns) : nodes_(nodes), columns_(columns) {}
  Node take() { return std::move(root_); }
  // Of the last scalar, if it stands in quotes or is a block.
  const std::optional<Mark>& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override { root_.mark = mark_of(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, "", Node::Kind::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    last_quoted_ = tag == "!" ? std::optional(mark_of(mark)) : std::nullopt;
    if (wants_key()) return key(mark, tag, value);
    Node& node = add(mark, tag, Node::Kind::kScalar);
    node.plain = tag == "?" || tag.empty();
    node.text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(add(mark, tag, Node::Kind::kList));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(add(mark, tag, Node::Kind::kMap));
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Open {
    Node* node;
    bool key_read;  // of a map: the value comes next
  };

  Mark mark_of(const YAML::Mark& mark) { return yaml::mark_of(mark, columns_); }
  [[noreturn]] void refuse_anchor(const YAML::Mark& mark) {
    throw Refused{mark_of(mark),
                  "anchors and aliases ('&', '*') are not read here; what several services share "
                  "goes into 'defaults'. A value that begins with one of them needs quotes"};
  }
  bool wants_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::kMap && !open_.back().key_read;
  }
  void count(const YAML::Mark& mark, const std::string& tag) {
    if (++nodes_ > kNodesMax)
      throw Refused{mark_of(mark), fmt::format("the file has more than {} values", kNodesMax)};
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Refused{mark_of(mark),
                    "tags ('!') are not read here; a value that begins with '!' needs quotes"};
  }
  void key(const YAML::Mark& mark, const std::string& tag, const std::string& value) {
    count(mark, tag);
    if (value.size() > kKeyMax)
      throw Refused{mark_of(mark), fmt::format("a key has more than {} bytes", kKeyMax)};
    open_.back().node->entries.push_back({value, mark_of(mark), {}});
    open_.back().key_read = true;
  }
  // A value, at its place in the tree.
  Node& add(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
    count(mark, tag);
    if (wants_key())
      throw Refused{mark_of(mark), kind == Node::Kind::kNull
                                       ? "a key is missing"
                                       : "a list or a map cannot be a key; if this is to be a "
                                         "value, its '[' or '{' may not be closed"};
    Node* node = &root_;
    if (!open_.empty()) {
      Node& parent = *open_.back().node;
      const bool map = parent.kind == Node::Kind::kMap;
      node = map ? &parent.entries.back().value : &parent.items.emplace_back();
      open_.back().key_read = false;
    }
    node->kind = kind;
    node->mark = mark_of(mark);
    return *node;
  }
  // No node is added to its parent before it is closed, so the pointer stays valid.
  void open(Node& node) {
    if (open_.size() >= kDepthMax)
      throw Refused{node.mark,
                    fmt::format("maps and lists stand in each other more than {} deep", kDepthMax)};
    open_.push_back({&node, false});
  }

  std::size_t& nodes_;
  Columns& columns_;
  std::optional<Mark> last_quoted_;
  Node root_;
  std::vector<Open> open_;
};

// yaml-cpp's words, and what they mean to somebody who writes a file.
constexpr std::array<std::pair<const char*, const char*>, 16> kMeanings{{
    {"illegal map value",
     "a ':' is not expected here; a value that contains ': ' needs quotes, and keys of one map "
     "begin in one column"},
    {"end of map not found",
     "the indentation fits no map around it; keys of one map begin in one column"},
    {"end of sequence not found",
     "the indentation fits no list around it; the '-' of one list stand in one column"},
    {"end of sequence flow not found", "a '[' is not closed by ']' before this"},
    {"end of map flow not found", "a '{' is not closed by '}' before this"},
    {"illegal flow end", "a ']' or '}' closes nothing"},
    {"illegal EOF in scalar", "the file ends within quotes"},
    {"illegal document indicator in scalar", "a document begins or ends within quotes"},
    {"illegal character in scalar", "a character that cannot stand here"},
    {"unknown token",
     "a value cannot begin with this character ('%', '@' and '`' are reserved); it needs quotes"},
    {"illegal block entry", "a '-' of a list is not expected here; it goes into a line of its own"},
    {"illegal map key", "a key is not expected here"},
    {"unexpected character in block scalar",
     "behind '|' or '>' only '-', '+', a digit and a comment may stand"},
    {"illegal tab when looking for indentation", "a tab; YAML is indented by blanks"},
    {"the referenced anchor is not defined",
     "aliases ('*') are not read here; a value that begins with '*' needs quotes"},
    {"bad file", "maps and lists stand in each other too deep"},
}};

// The indentation of the line has a tab, which is what is most often wrong and never seen.
bool indented_by_tab(std::string_view text, std::uint32_t line) {
  for (std::uint32_t at = 1; at < line; ++at) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

std::string meaning_of(const YAML::Exception& error, std::string_view text, const Mark& mark) {
  if (indented_by_tab(text, mark.line))
    return "a tab in the indentation; YAML is indented by blanks";
  for (const auto& [words, meaning] : kMeanings) {
    if (error.msg == words) return meaning;
  }
  return "this is no YAML: " + error.msg;
}

// What yaml-cpp would take without a word. False: nothing is to be read.
bool looked_at(std::string_view text, const std::string& file, Problems& problems) {
  if (text.size() > kFileMax) {
    problems.error({file, 0, 0}, "",
                   fmt::format("the file has {} bytes; at most {}", text.size(), kFileMax));
    return false;
  }
  std::uint32_t line = 1;
  for (std::string_view rest = text; !rest.empty(); ++line) {
    const std::string_view one = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::string_view bare = one.substr(0, one.find_last_not_of('\r') + 1);
    const bool control = std::ranges::any_of(bare, [](char c) {
      return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
    });
    if (!control && is_utf8(one)) continue;
    problems.error({file, line, 1}, "",
                   control ? "the line has a control character; in \"...\" write \\x1b and the like"
                           : "the line is no UTF-8");
    return false;
  }
  return true;
}

// yaml-cpp takes the end of the file for the end of a text in quotes. Only the last one can be one
// that is not closed.
bool is_open(std::string_view text, const Mark& mark) {
  const std::string_view rest = text.substr(offset_of(text, {"", mark.line, mark.column}));
  if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) return false;
  for (std::size_t at = 1; at < rest.size(); ++at) {
    const bool twice = rest.substr(at).starts_with("''");  // stands for one in a text in '...'
    const bool escaped = rest.front() == '"' ? rest[at] == '\\' : twice;
    if (!escaped && rest[at] == rest.front()) return false;
    if (escaped) ++at;
  }
  return true;
}

}  // namespace

std::string found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
    case Node::Kind::kScalar:
      break;
  }
  if (node.text.size() <= kShownMax) return "'" + node.text + "'";
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(node.text[end]) & 0xc0) == 0x80) --end;
  return "'" + node.text.substr(0, end) + "...'";
}

std::vector<Node> read(std::string_view text, const std::string& file, Problems& problems) {
  std::vector<Node> documents;
  if (!looked_at(text, file, problems)) return documents;
  if (text.starts_with("\ufeff")) text.remove_prefix(3);
  std::size_t nodes = 0;
  Columns columns(text);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (true) {
      Builder builder(nodes, columns);
      if (!parser.HandleNextDocument(builder)) break;
      if (const auto& last = builder.last_quoted(); last && is_open(text, *last))
        throw Refused{*last, "a text in quotes is not closed before the file ends"};
      Node root = builder.take();
      if (root.kind == Node::Kind::kNull) continue;
      if (documents.size() >= kDocumentsMax)
        throw Refused{root.mark, fmt::format("the file has more than {} documents", kDocumentsMax)};
      documents.push_back(std::move(root));
    }
  } catch (const Refused& refused) {
    problems.error({file, refused.mark.line, refused.mark.column}, "", refused.text);
  } catch (const YAML::Exception& error) {
    const Mark mark = mark_of(error.mark, columns);
    problems.error({file, mark.line, mark.column}, "", meaning_of(error, text, mark));
  }
  return documents;
}

}  // namespace polis::model::yaml
