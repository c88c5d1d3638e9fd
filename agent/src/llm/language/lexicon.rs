//! Words that tell languages with Latin letters apart in a few technical sentences: the commonest ones, and those with which
//! failures are explained. None that one language lends to the others (`pod`, `container`, `limit`, `database`, `server`).

use whatlang::Lang;

/// A language, its letters besides ASCII's, and its words.
pub(super) struct Entry {
    pub(super) lang: Lang,
    letters: &'static str,
    words: &'static str,
}

impl Entry {
    /// That of a language, if it is known.
    pub(super) fn of(lang: Lang) -> Option<&'static Self> {
        LEXICON.iter().find(|e| e.lang == lang)
    }

    /// How many of `words` (in lower case) it knows.
    pub(super) fn hits(&self, words: &[String]) -> usize {
        let known = |word: &&String| self.words.split_whitespace().any(|w| w == word.as_str());
        words.iter().filter(known).count()
    }

    /// How many of `words` have a letter that it does not have.
    pub(super) fn alien(&self, words: &[String]) -> usize {
        let odd = |c: char| !c.is_ascii() && c.is_alphabetic() && !self.letters.contains(c);
        words.iter().filter(|word| word.chars().any(odd)).count()
    }
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    LEXICON.iter()
}

const fn entry(lang: Lang, letters: &'static str, words: &'static str) -> Entry {
    Entry {
        lang,
        letters,
        words,
    }
}

static LEXICON: [Entry; 18] = [
    entry(
        Lang::Eng,
        "",
        "the a an in of and to is are was were be been not no its it this that these for with from because since after before while but or if \
         when by at on has have had cannot can could does did do runs ran out too fails failed failing lacks missing refused refuses \
         expired unreachable exceeds exceeded check look see verify inspect review raise increase lower renew restart used full \
         never any more than as which there only until into start starts key value wrong found exhaust exhausted leaks allow allows \
         denied memory reach reached",
    ),
    entry(
        Lang::Deu,
        "äöüß",
        "der die das den dem des ein eine einen einem einer und oder nicht kein keine ist sind war wird werden wurde hat haben kann \
         können nach vor mit ohne für von vom zum zur auf aus bei im ins am an als auch nur noch weil da wenn dass zu sie sich es er \
         fehlt fehlen schlägt fehl fehlgeschlagen prüfen prüfe sehen erhöhen speicher arbeitsspeicher verbindung verbindungen \
         abgelehnt lehnt ab voll läuft abgelaufen startet erreicht erreichbar nimmt datenbank datei schlüssel anmeldung \
         überschritten reicht aufgebraucht kontrollieren benötigt sobald bereits ablauf zertifikat überprüfen",
    ),
    entry(
        Lang::Fra,
        "àâæçéèêëîïôœùûüÿ",
        "le la les un une des du de et ou est sont a ont ne pas plus que qui dans par pour avec sans sur au aux ce cette ces son sa ses \
         il elle car parce lors après avant depuis aucun aucune n'est n'a l'image d'une manque manquante échoue échec vérifiez vérifier \
         mémoire connexion connexions refuse refusée refusées dépassé dépasse expiré introuvable démarrer démarre atteindre augmentez \
         consultez regardez base données fichier clé disque plein trop peut doit",
    ),
    entry(
        Lang::Spa,
        "áéíóúüñ",
        "el la los las un una de del y o es son está están no que en por para con sin sobre al se su sus lo porque cuando después antes \
         desde falta falló falla fallan revise revisar compruebe verifique memoria conexión conexiones rechaza rechazada rechazadas \
         agotada agotado supera caducado caducó alcanza aumente disco lleno archivo clave puede pueda encuentra arranca límite hay muy \
         más este esta",
    ),
    entry(
        Lang::Por,
        "áâãàçéêíóôõú",
        "o a os as um uma de do da dos das e ou é são está não que em no na nos nas por para com sem sobre ao se seu sua porque quando \
         depois antes desde falta falhou falha falham verifique confira memória conexão conexões recusa recusada recusou esgotada \
         excede expirou expirado alcança aumente disco cheio arquivo chave pode encontrada limite há muito mais este esta pelo pela",
    ),
    entry(
        Lang::Ita,
        "àèéìíîòóùú",
        "il lo la i gli le un una uno di del della dei delle e o è sono non che in nel nella per con senza su sul al alla si suo sua \
         perché quando dopo prima da dal manca mancante fallisce fallita fallito verificare verifica controllare controlla memoria \
         connessione connessioni rifiuta rifiutata esaurita esaurito supera scaduto raggiungere raggiungibile aumentare disco pieno \
         file chiave può trovata trovato avvia più troppo questo questa",
    ),
    entry(
        Lang::Nld,
        "éëïóöü",
        "de het een van en of is zijn was wordt niet geen dat die in op te voor met zonder bij naar uit aan als omdat wanneer na sinds \
         heeft hebben kan kunnen ontbreekt ontbreken mislukt mislukte controleer controleren bekijk geheugen verbinding verbindingen \
         weigert geweigerd verlopen bereikbaar verhoog schijf vol bestand sleutel gevonden start overschreden meer zijn haar deze er",
    ),
    entry(
        Lang::Pol,
        "ąćęłńóśźż",
        "i w we z ze na do od po za nie jest są był to że się o dla przez przed bez lub ponieważ gdy kiedy brak brakuje sprawdź sprawdzić \
         pamięć pamięci połączenie połączenia połączeń odrzuca odrzucone wygasł wyczerpana przekracza przekroczono zwiększ dysk pełny \
         plik klucz może można znaleziono uruchamia błąd bazy danych jego jej ten ta który",
    ),
    entry(
        Lang::Ces,
        "áčďéěíňóřšťúůýž",
        "a v ve z ze na do od po za ne není je jsou byl to že se o pro před bez nebo protože když chybí zkontrolujte zkontrolovat paměť \
         paměti připojení odmítá odmítnuto vypršel vyčerpána překračuje zvyšte disk plný soubor klíč může nelze nalezen spustit chyba \
         databáze jeho její ten který selhal selhává",
    ),
    entry(
        Lang::Swe,
        "åäöé",
        "och att det en ett den är inte har kan som för med på av till från utan eftersom när efter innan eller saknas misslyckas \
         misslyckades kontrollera granska minne minnet anslutning anslutningar nekar nekas vägrar avvisar löpt ut överskrider öka disken \
         full fil nyckel hittades startar databasen slut dess sin sitt finns",
    ),
    entry(
        Lang::Dan,
        "æøåé",
        "og at det en et den er ikke har kan som for med på af til fra uden fordi når efter før eller mangler mislykkes mislykkedes \
         kontroller undersøg tjek hukommelse hukommelsen forbindelse forbindelser afviser afvist udløbet overskrider øg disken fuld fil \
         nøgle fundet starter databasen løbet tør dens sin findes",
    ),
    entry(
        Lang::Nob,
        "æøåéô",
        "og at det en et den er ikke har kan som for med på av til fra uten fordi når etter før eller mangler mislykkes mislyktes feiler \
         sjekk kontroller undersøk minne minnet tilkobling tilkoblinger avviser avvist utløpt overskrider øk disken full fil nøkkel \
         funnet starter databasen gått tom sin finnes",
    ),
    entry(
        Lang::Fin,
        "äöå",
        "ja ei on ovat oli se että tai kun koska jos mutta myös vain ole eikä puuttuu epäonnistuu epäonnistui tarkista tarkistakaa muisti \
         muistia loppui loppunut yhteys yhteyden yhteyksiä hylkää hylätty vanhentunut ylittää lisää levy täynnä tiedosto avain löydy \
         löytynyt käynnisty tietokanta tietokannan sen tämä voi",
    ),
    entry(
        Lang::Tur,
        "âçğıîiöşüû",
        "ve bir bu için ile değil yok var da de ki çünkü olan olarak gibi daha çok sonra önce ama veya eksik başarısız kontrol edin \
         inceleyin bellek belleği yetersiz bitti bağlantı bağlantıları bağlantısı reddediyor reddedildi doldu aşıldı aşıyor artırın disk \
         dolu dosya anahtar anahtarı bulunamadı başlamıyor veritabanı ulaşılamıyor süresi",
    ),
    entry(
        Lang::Ron,
        "ăâîșțşţ",
        "și în la de cu din pe un o este sunt nu că care pentru prin fără după înainte sau deoarece când lipsește lipsesc eșuează eșuat \
         verificați verifică memoria memorie conexiunea conexiunile conexiuni refuză refuzată expirat depășește depășită măriți discul \
         plin fișierul cheia poate găsit găsită pornește baza date",
    ),
    entry(
        Lang::Hun,
        "áéíóöőúüű",
        "a az és egy nem van volt hogy de vagy mert ha amikor után előtt nélkül hiányzik sikertelen ellenőrizze ellenőrizd memória \
         memóriája elfogyott kapcsolat kapcsolatot kapcsolatokat elutasítja visszautasítja lejárt túllépi túllépte növelje lemez megtelt \
         fájl kulcs található indul elérhető adatbázis nincs már",
    ),
    entry(
        Lang::Ind,
        "é",
        "yang dan di ke dari tidak ini itu untuk dengan pada karena adalah akan atau oleh saat setelah sebelum sudah belum hilang gagal \
         periksa lihat memori habis koneksi sambungan menolak ditolak kedaluwarsa melebihi naikkan tingkatkan penuh berkas kunci \
         ditemukan dimulai basis kehabisan dapat bisa tanpa",
    ),
    entry(
        Lang::Vie,
        "àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
        "và của là không có được cho với từ trong khi vì nên hoặc sau trước đã bị này đó thiếu lỗi thất bại kiểm tra xem bộ nhớ hết kết nối \
         từ chối cơ sở dữ liệu hạn vượt quá tăng đĩa đầy tệp khóa tìm thấy thể",
    ),
];
