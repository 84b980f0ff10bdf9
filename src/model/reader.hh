#pragma once

// Fills a struct from a map of a file, by the table of keys, and says everything that is wrong.
//
// Threads: one reader at a time.

#include <map>
#include <string>
#include <unordered_map>

#include "model/key.hh"
#include "model/problem.hh"
#include "model/yaml.hh"

namespace polis::model {

// Gives each member of the object its default.
void fill(const Section& section, void* object);

class Reader {
 public:
  // Notes where each key stands in `positions`.
  Reader(std::string file, Positions& positions, Problems& problems);

  // New elements of this section begin as copies of `standard`, which must live as long as the
  // reader, instead of with the defaults of the table.
  using Copy = void (*)(void* to, const void* from);
  void begin_with(const Section& section, const void* standard, Copy copy);

  // Over what the object holds: keys that are not there stay as they are. `path`: of the object.
  void read(const yaml::Node& node, const Section& section, void* object, const std::string& path);
  void error(const yaml::Mark& mark, std::string path, std::string text);

 private:
  void read_key(const yaml::Node::Entry& entry, const Key& key, void* object,
                const std::string& path);
  void read_number(const yaml::Node& node, const Key& key, void* member, const std::string& path);
  void read_text(const yaml::Node& node, const Key& key, void* member, const std::string& path);
  void read_words(const yaml::Node& node, const Key& key, void* member, const std::string& path);
  void read_pairs(const yaml::Node& node, const Key& key, void* member, const std::string& path);
  void read_named(const yaml::Node& node, const Key& key, void* object, const std::string& path);
  void read_element(const yaml::Node::Entry& entry, const Key& key, void* member,
                    std::map<std::string, std::size_t>& known, const std::string& path);
  void check_groups(const yaml::Node& node, const Section& section, void* object,
                    const std::string& path);
  bool is_text(const yaml::Node& node, const Form& form, bool references, const std::string& path);
  void wrong(const yaml::Node& node, const std::string& path, const std::string& expected,
             const std::string& meant = "");
  void check_required(const yaml::Node& node, const Section& section, void* object,
                      const std::string& path);
  void unknown(const yaml::Node::Entry& entry, const Section& section, const std::string& path);
  // Its key stands in `node` before, too, and that has been said.
  using Seen = std::unordered_map<std::string_view, std::uint32_t>;
  bool repeated(const yaml::Node::Entry& entry, Seen& seen, const std::string& path);
  // The name of a pair or an element has the form, or what is wrong has been said.
  bool is_name(const yaml::Node::Entry& entry, const Form& form, const std::string& path);
  void note_position(const yaml::Mark& mark, const std::string& path);

  std::string file_;
  std::uint32_t file_number_;
  Positions& positions_;
  Problems& problems_;
  const Section* standard_of_ = nullptr;
  const void* standard_ = nullptr;
  Copy copy_ = nullptr;
};

}  // namespace polis::model
