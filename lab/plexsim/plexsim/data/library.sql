-- The tables and indexes of a media server library of the 1.43 generation, in our own words: the names,
-- types and defaults are the real ones, so that every query written for the real database runs here.
-- The same schema serves both files; only "blobs" is filled in the second one. Dates are unix integers.

CREATE TABLE accounts (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    name varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    default_audio_language varchar(255),
    default_subtitle_language varchar(255),
    auto_select_subtitle boolean DEFAULT 't',
    auto_select_audio boolean DEFAULT 't'
);
CREATE INDEX index_accounts_on_name
    ON accounts (name);

CREATE TABLE activities (
    id integer PRIMARY KEY NOT NULL,
    parent_id integer,
    type varchar(255),
    title varchar(255),
    subtitle varchar(255),
    scheduled_at timestamp,
    started_at timestamp,
    finished_at timestamp,
    cancelled boolean,
    FOREIGN KEY (parent_id) REFERENCES activities (id) ON DELETE CASCADE
);
CREATE INDEX index_activities_on_parent_id
    ON activities (parent_id);
CREATE INDEX index_activities_on_started_at
    ON activities (started_at);

CREATE TABLE blobs (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    blob blob,
    linked_type varchar(255),
    linked_id integer,
    linked_guid varchar(255),
    created_at dt_integer(8),
    blob_type integer
);
CREATE INDEX index_blobs_on_linked_type
    ON blobs (linked_type);
CREATE UNIQUE INDEX index_blobs_on_linked_type_linked_guid_and_blob_type
    ON blobs (linked_type, linked_guid, blob_type);
CREATE UNIQUE INDEX index_blobs_on_linked_type_linked_id_and_blob_type
    ON blobs (linked_type, linked_id, blob_type);

CREATE TABLE custom_channels (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    name varchar(255),
    description text,
    playlist_id integer,
    start_time dt_integer(8),
    ordering integer,
    visibility integer,
    displayed_on integer,
    content_rating varchar(255)
);

CREATE TABLE devices (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    identifier varchar(255),
    name varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    platform string
);
CREATE INDEX index_devices_on_identifier
    ON devices (identifier);

CREATE TABLE directories (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_section_id integer,
    parent_directory_id integer,
    path varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    deleted_at dt_integer(8)
);
CREATE INDEX index_directories_on_deleted_at
    ON directories (deleted_at);
CREATE INDEX index_directories_on_parent_directory_id
    ON directories (parent_directory_id);
CREATE INDEX index_directories_on_path
    ON directories (path);

CREATE TABLE download_queue_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    queue_id integer,
    key varchar(255),
    "order" integer,
    status integer,
    decision_params text,
    error text,
    decision_result text,
    metadata_item_id integer,
    media_part_id integer,
    expiration dt_integer(8),
    extra_data varchar(255)
);

CREATE TABLE download_queues (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    owner integer,
    client_identifier varchar(255)
);

CREATE TABLE external_metadata_items (
    id integer,
    external_metadata_source_id integer,
    library_section_id integer,
    metadata_type integer,
    guid varchar(255),
    title varchar(255),
    parent_title varchar(255),
    year integer,
    added_at integer,
    updated_at integer,
    extra_data varchar(255),
    FOREIGN KEY (external_metadata_source_id) REFERENCES external_metadata_sources (id) ON DELETE CASCADE
);
CREATE INDEX index_external_metadata_items_on_external_source_id
    ON external_metadata_items (external_metadata_source_id);
CREATE INDEX index_external_metadata_items_on_metadata_type
    ON external_metadata_items (metadata_type);
CREATE INDEX index_external_metadata_items_on_parent_title
    ON external_metadata_items (parent_title);
CREATE INDEX index_external_metadata_items_on_title
    ON external_metadata_items (title);

CREATE TABLE external_metadata_sources (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    uri varchar(255),
    source_title varchar(255),
    user_title varchar(255),
    online integer
);
CREATE INDEX index_external_metadata_sources_on_online
    ON external_metadata_sources (online);
CREATE UNIQUE INDEX index_external_metadata_sources_on_uri
    ON external_metadata_sources (uri);

CREATE TABLE hub_templates (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    section varchar(255),
    identifier varchar(255),
    title varchar(255),
    home_visibility integer,
    recommended_visibility integer,
    "order" float,
    extra_data varchar(255)
);
CREATE INDEX index_hub_templates_on_section_and_home_visibility
    ON hub_templates (section, home_visibility);

CREATE TABLE library_section_permissions (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_section_id integer,
    account_id integer,
    permission integer
);
CREATE INDEX index_library_section_permissions_on_account_id
    ON library_section_permissions (account_id);
CREATE INDEX index_library_section_permissions_on_library_section_id
    ON library_section_permissions (library_section_id);

CREATE TABLE library_sections (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_id integer,
    name varchar(255),
    name_sort varchar(255) COLLATE NOCASE,
    section_type integer,
    language varchar(255),
    agent varchar(255),
    scanner varchar(255),
    user_thumb_url varchar(255),
    user_art_url varchar(255),
    user_theme_music_url varchar(255),
    public boolean,
    created_at dt_integer(8),
    updated_at dt_integer(8),
    scanned_at dt_integer(8),
    display_secondary_level boolean,
    user_fields varchar(255),
    query_xml text,
    query_type integer,
    uuid varchar(255),
    changed_at integer(8) DEFAULT 0,
    content_changed_at integer(8) DEFAULT '0',
    metadata_agent_provider_group_id integer
);
CREATE INDEX index_library_sections_on_changed_at
    ON library_sections (changed_at);
CREATE INDEX index_library_sections_on_name
    ON library_sections (name);
CREATE INDEX index_library_sections_on_name_sort
    ON library_sections (name_sort COLLATE NOCASE);

CREATE TABLE locatables (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    location_id integer NOT NULL,
    locatable_id integer NOT NULL,
    locatable_type varchar(255) NOT NULL,
    created_at dt_integer(8),
    updated_at dt_integer(8),
    extra_data varchar(255),
    geocoding_version integer,
    UNIQUE (location_id, locatable_id, locatable_type)
);
CREATE INDEX index_locatables_on_geocoding_version
    ON locatables (geocoding_version);
CREATE INDEX index_locatables_on_locatable_id_and_locatable_type
    ON locatables (locatable_id, locatable_type);
CREATE UNIQUE INDEX index_locatables_on_location_id_and_locatable_id_and_locatable_type
    ON locatables (location_id, locatable_id, locatable_type);

CREATE TABLE location_places (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    location_id integer,
    guid varchar(255) NOT NULL,
    UNIQUE (location_id, guid)
);
CREATE UNIQUE INDEX index_location_places_on_location_id_and_guid
    ON location_places (location_id, guid);

CREATE TABLE media_grabs (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    uuid varchar(255),
    status integer,
    error integer,
    metadata_item_id integer,
    media_subscription_id integer,
    extra_data varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8)
);
CREATE INDEX media_grabs_on_created_at
    ON media_grabs (created_at);
CREATE INDEX media_grabs_on_metadata_item_id
    ON media_grabs (metadata_item_id);
CREATE UNIQUE INDEX media_grabs_on_uuid
    ON media_grabs (uuid);

CREATE TABLE media_item_settings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    media_item_id integer,
    settings varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8)
);
CREATE INDEX index_media_item_settings_on_account_id
    ON media_item_settings (account_id);
CREATE INDEX index_media_item_settings_on_media_item_id
    ON media_item_settings (media_item_id);

CREATE TABLE media_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_section_id integer,
    section_location_id integer,
    metadata_item_id integer,
    type_id integer,
    width integer,
    height integer,
    size integer(8),
    duration integer,
    bitrate integer,
    container varchar(255),
    video_codec varchar(255),
    audio_codec varchar(255),
    display_aspect_ratio float,
    frames_per_second float,
    audio_channels integer,
    interlaced boolean,
    source varchar(255),
    hints varchar(255),
    display_offset integer,
    settings varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    optimized_for_streaming boolean,
    deleted_at dt_integer(8),
    media_analysis_version integer DEFAULT 0,
    sample_aspect_ratio float,
    extra_data varchar(255),
    proxy_type integer,
    channel_id integer,
    begins_at dt_integer(8),
    ends_at dt_integer(8),
    color_trc varchar(255)
);
CREATE INDEX index_media_items_on_begins_at
    ON media_items (begins_at);
CREATE INDEX index_media_items_on_channel_id
    ON media_items (channel_id);
CREATE INDEX index_media_items_on_channel_id_and_begins_at
    ON media_items (channel_id, begins_at);
CREATE INDEX index_media_items_on_deleted_at
    ON media_items (deleted_at);
CREATE INDEX index_media_items_on_ends_at
    ON media_items (ends_at);
CREATE INDEX index_media_items_on_library_section_id
    ON media_items (library_section_id);
CREATE INDEX index_media_items_on_media_analysis_version
    ON media_items (media_analysis_version);
CREATE INDEX index_media_items_on_metadata_item_id
    ON media_items (metadata_item_id);

CREATE TABLE media_part_settings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    media_part_id integer,
    selected_audio_stream_id integer,
    selected_subtitle_stream_id integer,
    settings varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    changed_at integer(8) DEFAULT 0
);
CREATE INDEX index_media_part_settings_on_account_id
    ON media_part_settings (account_id);
CREATE INDEX index_media_part_settings_on_changed_at
    ON media_part_settings (changed_at);
CREATE INDEX index_media_part_settings_on_media_part_id
    ON media_part_settings (media_part_id);

CREATE TABLE media_parts (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    media_item_id integer,
    directory_id integer,
    hash varchar(255),
    open_subtitle_hash varchar(255),
    file varchar(255),
    "index" integer,
    size integer(8),
    duration integer,
    created_at dt_integer(8),
    updated_at dt_integer(8),
    deleted_at dt_integer(8),
    extra_data varchar(255)
);
CREATE INDEX index_media_parts_on_deleted_at
    ON media_parts (deleted_at);
CREATE INDEX index_media_parts_on_directory_id
    ON media_parts (directory_id);
CREATE INDEX index_media_parts_on_file
    ON media_parts (file);
CREATE INDEX index_media_parts_on_hash
    ON media_parts (hash);
CREATE INDEX index_media_parts_on_media_item_id
    ON media_parts (media_item_id);
CREATE INDEX index_media_parts_on_size
    ON media_parts (size);

CREATE TABLE media_provider_resources (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    parent_id integer,
    type integer,
    status integer,
    state integer,
    identifier varchar(255),
    protocol varchar(255),
    uri varchar(255),
    uuid varchar(255),
    extra_data varchar(255),
    last_seen_at dt_integer(8),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    data blob
);
CREATE INDEX media_provider_resources_on_identifier
    ON media_provider_resources (identifier);
CREATE INDEX media_provider_resources_on_parent_id
    ON media_provider_resources (parent_id);
CREATE INDEX media_provider_resources_on_type
    ON media_provider_resources (type);
CREATE UNIQUE INDEX media_provider_resources_on_uuid
    ON media_provider_resources (uuid);

CREATE TABLE media_stream_settings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    media_stream_id integer,
    extra_data varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    UNIQUE (media_stream_id, account_id)
);
CREATE UNIQUE INDEX index_media_stream_settings_on_media_stream_id_and_account_id
    ON media_stream_settings (media_stream_id, account_id);

CREATE TABLE media_streams (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    stream_type_id integer,
    media_item_id integer,
    url varchar(255),
    codec varchar(255),
    language varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    "index" integer,
    media_part_id integer,
    channels integer,
    bitrate integer,
    url_index integer,
    "default" boolean DEFAULT 0,
    forced boolean DEFAULT 0,
    extra_data varchar(255)
);
CREATE INDEX index_media_streams_on_language
    ON media_streams (language);
CREATE INDEX index_media_streams_on_media_item_id
    ON media_streams (media_item_id);
CREATE INDEX index_media_streams_on_media_part_id
    ON media_streams (media_part_id);

CREATE TABLE media_subscriptions (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "order" float,
    metadata_type integer,
    target_metadata_item_id integer,
    target_library_section_id integer,
    target_section_location_id integer,
    extra_data varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8)
);
CREATE INDEX media_subscriptions_on_order
    ON media_subscriptions ("order");
CREATE INDEX media_subscriptions_on_target_metadata_item_id
    ON media_subscriptions (target_metadata_item_id);

CREATE TABLE metadata_agent_provider_group_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_agent_provider_group_id integer not null,
    metadata_agent_provider_id integer not null,
    "order" float
);

CREATE TABLE metadata_agent_provider_groups (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    title varchar(255),
    primary_identifier varchar(255),
    created_at dt_integer(8) not null,
    updated_at dt_integer(8) not null,
    extra_data varchar(255)
);

CREATE TABLE metadata_agent_providers (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    identifier varchar(255),
    title varchar(255),
    uri varchar(255),
    created_at dt_integer(8) not null,
    updated_at dt_integer(8) not null,
    extra_data varchar(255)
);

CREATE TABLE metadata_item_accounts (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    metadata_item_id integer
);
CREATE INDEX index_metadata_item_accounts_on_account_id
    ON metadata_item_accounts (account_id);
CREATE INDEX index_metadata_item_accounts_on_metadata_item_id
    ON metadata_item_accounts (metadata_item_id);

CREATE TABLE metadata_item_clusterings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_item_id integer,
    metadata_item_cluster_id integer,
    "index" integer,
    version integer,
    FOREIGN KEY (metadata_item_cluster_id) REFERENCES metadata_item_clusters (id) ON DELETE CASCADE,
    FOREIGN KEY (metadata_item_id) REFERENCES metadata_items (id) ON DELETE CASCADE
);
CREATE INDEX index_metadata_item_clusterings_on_metadata_item_cluster_id
    ON metadata_item_clusterings (metadata_item_cluster_id);
CREATE INDEX index_metadata_item_clusterings_on_metadata_item_id
    ON metadata_item_clusterings (metadata_item_id);
CREATE INDEX index_metadata_item_clusterings_on_version
    ON metadata_item_clusterings (version);

CREATE TABLE metadata_item_clusters (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    zoom_level integer,
    library_section_id integer,
    title varchar(255),
    count integer,
    starts_at dt_integer(8),
    ends_at dt_integer(8),
    extra_data varchar(255)
);
CREATE INDEX index_metadata_item_clusters_on_library_section_id
    ON metadata_item_clusters (library_section_id);
CREATE INDEX index_metadata_item_clusters_on_title
    ON metadata_item_clusters (title);
CREATE INDEX index_metadata_item_clusters_on_zoom_level
    ON metadata_item_clusters (zoom_level);

CREATE TABLE metadata_item_setting_markers (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    marker_type integer NOT NULL,
    metadata_item_setting_id integer NOT NULL,
    start_time_offset integer NOT NULL,
    end_time_offset integer,
    title varchar(255),
    created_at integer(8),
    updated_at integer(8),
    extra_data varchar(255),
    FOREIGN KEY (metadata_item_setting_id) REFERENCES metadata_item_settings (id) ON DELETE CASCADE
);
CREATE INDEX index_metadata_item_setting_markers_on_metadata_item_setting_id
    ON metadata_item_setting_markers (metadata_item_setting_id);
CREATE INDEX index_metadata_item_setting_markers_on_updated_at
    ON metadata_item_setting_markers (updated_at);

CREATE TABLE metadata_item_settings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    guid varchar(255),
    rating float,
    view_offset integer,
    view_count integer,
    last_viewed_at dt_integer(8),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    skip_count integer DEFAULT 0,
    last_skipped_at dt_integer(8) DEFAULT NULL,
    changed_at integer(8) DEFAULT 0,
    extra_data varchar(255),
    last_rated_at dt_integer(8)
);
CREATE INDEX index_metadata_item_settings_on_account_id
    ON metadata_item_settings (account_id);
CREATE INDEX index_metadata_item_settings_on_changed_at
    ON metadata_item_settings (changed_at);
CREATE INDEX index_metadata_item_settings_on_guid
    ON metadata_item_settings (guid);
CREATE INDEX index_metadata_item_settings_on_last_viewed_at
    ON metadata_item_settings (last_viewed_at);
CREATE INDEX index_metadata_item_settings_on_rating
    ON metadata_item_settings (rating);
CREATE INDEX index_metadata_item_settings_on_skip_count
    ON metadata_item_settings (skip_count);
CREATE INDEX index_metadata_item_settings_on_view_count
    ON metadata_item_settings (view_count);
CREATE INDEX index_metadata_item_settings_on_view_offset
    ON metadata_item_settings (view_offset);

CREATE TABLE metadata_item_views (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    guid varchar(255),
    metadata_type integer,
    library_section_id integer,
    grandparent_title varchar(255),
    parent_index integer,
    parent_title varchar(255),
    "index" integer,
    title varchar(255),
    thumb_url varchar(255),
    viewed_at dt_integer(8),
    grandparent_guid varchar(255),
    originally_available_at dt_integer(8),
    device_id integer,
    view_type integer
);
CREATE INDEX index_metadata_item_views_on_grandparent_guid
    ON metadata_item_views (grandparent_guid);
CREATE INDEX index_metadata_item_views_on_guid
    ON metadata_item_views (guid);
CREATE INDEX index_metadata_item_views_on_library_section_id
    ON metadata_item_views (library_section_id);
CREATE INDEX index_metadata_item_views_on_viewed_at
    ON metadata_item_views (viewed_at);

CREATE TABLE metadata_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_section_id integer,
    parent_id integer,
    metadata_type integer,
    guid varchar(255),
    media_item_count integer,
    title varchar(255),
    title_sort varchar(255) COLLATE NOCASE,
    original_title varchar(255),
    studio varchar(255),
    rating float,
    rating_count integer,
    tagline varchar(255),
    summary text,
    trivia text,
    quotes text,
    content_rating varchar(255),
    content_rating_age integer,
    "index" integer,
    absolute_index integer,
    duration integer,
    user_thumb_url varchar(255),
    user_art_url varchar(255),
    user_banner_url varchar(255),
    user_music_url varchar(255),
    user_fields varchar(255),
    tags_genre varchar(255),
    tags_collection varchar(255),
    tags_director varchar(255),
    tags_writer varchar(255),
    tags_star varchar(255),
    originally_available_at dt_integer(8),
    available_at dt_integer(8),
    expires_at dt_integer(8),
    refreshed_at dt_integer(8),
    year integer,
    added_at dt_integer(8),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    deleted_at dt_integer(8),
    tags_country varchar(255),
    extra_data varchar(255),
    hash varchar(255),
    audience_rating float,
    changed_at integer(8) DEFAULT 0,
    resources_changed_at integer(8) DEFAULT 0,
    remote integer,
    edition_title varchar(255),
    slug varchar(255),
    user_clear_logo_url varchar(255),
    user_square_art_url varchar(255),
    is_adult boolean,
    metadata_agent_provider_group_id integer
);
CREATE INDEX index_metadata_items_on_absolute_index
    ON metadata_items (absolute_index);
CREATE INDEX index_metadata_items_on_added_at
    ON metadata_items (added_at);
CREATE INDEX index_metadata_items_on_changed_at
    ON metadata_items (changed_at);
CREATE INDEX index_metadata_items_on_created_at
    ON metadata_items (created_at);
CREATE INDEX index_metadata_items_on_deleted_at
    ON metadata_items (deleted_at);
CREATE INDEX index_metadata_items_on_edition_title
    ON metadata_items (edition_title);
CREATE INDEX index_metadata_items_on_guid
    ON metadata_items (guid);
CREATE INDEX index_metadata_items_on_hash
    ON metadata_items (hash);
CREATE INDEX index_metadata_items_on_index
    ON metadata_items ("index");
CREATE INDEX index_metadata_items_on_library_section_id
    ON metadata_items (library_section_id);
CREATE INDEX index_metadata_items_on_library_section_id_and_metadata_type_and_added_at
    ON metadata_items (library_section_id, metadata_type, added_at);
CREATE INDEX index_metadata_items_on_metadata_type
    ON metadata_items (metadata_type);
CREATE INDEX index_metadata_items_on_original_title
    ON metadata_items (original_title);
CREATE INDEX index_metadata_items_on_originally_available_at
    ON metadata_items (originally_available_at);
CREATE INDEX index_metadata_items_on_parent_id
    ON metadata_items (parent_id);
CREATE INDEX index_metadata_items_on_remote
    ON metadata_items (remote);
CREATE INDEX index_metadata_items_on_resources_changed_at
    ON metadata_items (resources_changed_at);
CREATE INDEX index_metadata_items_on_title
    ON metadata_items (title);
CREATE INDEX index_metadata_items_on_title_sort
    ON metadata_items (title_sort);

CREATE TABLE metadata_relations (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_item_id integer,
    related_metadata_item_id integer,
    relation_type integer,
    created_at dt_integer(8),
    updated_at dt_integer(8)
);
CREATE INDEX index_metadata_relations_on_metadata_item_id
    ON metadata_relations (metadata_item_id);
CREATE INDEX index_metadata_relations_on_related_metadata_item_id
    ON metadata_relations (related_metadata_item_id);
CREATE INDEX index_metadata_relations_on_relation_type
    ON metadata_relations (relation_type);

CREATE TABLE metadata_subscription_desired_items (
    sub_id integer,
    remote_id varchar(255)
);
CREATE INDEX index_metadata_subscription_desired_items_on_remote_id
    ON metadata_subscription_desired_items (remote_id);
CREATE INDEX index_metadata_subscription_desired_items_on_sub_id
    ON metadata_subscription_desired_items (sub_id);

CREATE TABLE play_queue_generators (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    playlist_id integer,
    metadata_item_id integer,
    uri varchar(255),
    "limit" integer,
    continuous boolean,
    "order" float,
    created_at dt_integer(8) NOT NULL,
    updated_at dt_integer(8) NOT NULL,
    changed_at integer(8) DEFAULT 0,
    recursive boolean,
    type integer,
    extra_data varchar(255)
);
CREATE INDEX index_play_queue_generators_on_changed_at
    ON play_queue_generators (changed_at);
CREATE INDEX index_play_queue_generators_on_metadata_item_id
    ON play_queue_generators (metadata_item_id);
CREATE INDEX index_play_queue_generators_on_order
    ON play_queue_generators ("order");
CREATE INDEX index_play_queue_generators_on_playlist_id
    ON play_queue_generators (playlist_id);

CREATE TABLE play_queue_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    play_queue_id integer,
    metadata_item_id integer,
    "order" float,
    up_next boolean,
    play_queue_generator_id integer
);
CREATE INDEX index_play_queue_items_on_metadata_item_id
    ON play_queue_items (metadata_item_id);
CREATE INDEX index_play_queue_items_on_order
    ON play_queue_items ("order");
CREATE INDEX index_play_queue_items_on_play_queue_id
    ON play_queue_items (play_queue_id);

CREATE TABLE play_queues (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    client_identifier varchar(255),
    account_id integer,
    playlist_id integer,
    sync_item_id integer,
    play_queue_generator_id integer,
    generator_start_index integer,
    generator_end_index integer,
    generator_items_count integer,
    generator_ids blob,
    seed integer,
    current_play_queue_item_id integer,
    last_added_play_queue_item_id integer,
    version integer,
    created_at dt_integer(8),
    updated_at dt_integer(8),
    metadata_type integer,
    total_items_count integer,
    generator_generator_ids blob,
    extra_data varchar(255)
);
CREATE INDEX index_play_queues_on_account_id
    ON play_queues (account_id);
CREATE UNIQUE INDEX index_play_queues_on_client_identifier_and_account_id_and_metadata_type
    ON play_queues (client_identifier, account_id, metadata_type);
CREATE INDEX index_play_queues_on_playlist_id
    ON play_queues (playlist_id);
CREATE INDEX index_play_queues_on_sync_item_id
    ON play_queues (sync_item_id);

CREATE TABLE plugin_prefixes (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    plugin_id integer,
    name varchar(255),
    prefix varchar(255),
    art_url varchar(255),
    thumb_url varchar(255),
    titlebar_url varchar(255),
    share boolean,
    has_store_services boolean,
    prefs boolean
);
CREATE INDEX index_plugin_prefixes_on_plugin_id
    ON plugin_prefixes (plugin_id);

CREATE TABLE plugins (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    identifier varchar(255),
    framework_version integer,
    access_count integer,
    installed_at dt_integer(8),
    accessed_at dt_integer(8),
    modified_at dt_integer(8)
);

CREATE TABLE preferences (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    name varchar(255),
    value varchar(255)
);
CREATE UNIQUE INDEX index_preferences_on_name
    ON preferences (name);

CREATE TABLE remote_id_translation (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    type integer,
    local_id integer,
    remote_id varchar(255)
);
CREATE INDEX remote_id_translation_on_local_id
    ON remote_id_translation (local_id);
CREATE INDEX remote_id_translation_on_remote_id
    ON remote_id_translation (remote_id);

CREATE TABLE schema_migrations (
    version varchar(255) NOT NULL,
    rollback_sql text DEFAULT NULL,
    optimize_on_rollback boolean DEFAULT NULL,
    min_version varchar(255)
);
CREATE UNIQUE INDEX unique_schema_migrations
    ON schema_migrations (version);

CREATE TABLE section_locations (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_section_id integer,
    root_path varchar(255),
    available boolean DEFAULT 't',
    scanned_at dt_integer(8),
    created_at dt_integer(8),
    updated_at dt_integer(8)
);

CREATE TABLE statistics_bandwidth (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    device_id integer,
    timespan integer,
    at dt_integer(8),
    lan boolean,
    bytes integer(8)
);
CREATE INDEX index_statistics_bandwidth_on_account_id_and_timespan_and_at
    ON statistics_bandwidth (account_id, timespan, at);
CREATE INDEX index_statistics_bandwidth_on_at
    ON statistics_bandwidth (at);

CREATE TABLE statistics_media (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    device_id integer,
    timespan integer,
    at dt_integer(8),
    metadata_type integer,
    count integer,
    duration integer
);
CREATE INDEX index_statistics_media_on_account_id_and_timespan_and_at
    ON statistics_media (account_id, timespan, at);
CREATE INDEX index_statistics_media_on_at
    ON statistics_media (at);

CREATE TABLE statistics_resources (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    timespan integer,
    at dt_integer(8),
    host_cpu_utilization float,
    process_cpu_utilization float,
    host_memory_utilization float,
    process_memory_utilization float
);
CREATE INDEX index_statistics_resources_on_at
    ON statistics_resources (at);
CREATE INDEX index_statistics_resources_on_timespan
    ON statistics_resources (timespan);

CREATE TABLE taggings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_item_id integer,
    tag_id integer,
    "index" integer,
    text varchar(255),
    time_offset integer,
    end_time_offset integer,
    thumb_url varchar(255),
    created_at dt_integer(8),
    extra_data varchar(255)
);
CREATE INDEX index_taggings_on_metadata_item_id
    ON taggings (metadata_item_id);
CREATE INDEX index_taggings_on_tag_id
    ON taggings (tag_id);

CREATE TABLE tags (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_item_id integer,
    tag varchar(255) COLLATE NOCASE,
    tag_type integer,
    user_thumb_url varchar(255),
    user_art_url varchar(255),
    user_music_url varchar(255),
    created_at dt_integer(8),
    updated_at dt_integer(8),
    tag_value integer,
    extra_data varchar(255),
    key varchar(255),
    parent_id integer
);
CREATE INDEX index_tags_on_key
    ON tags (key);
CREATE INDEX index_tags_on_parent_id
    ON tags (parent_id);
CREATE INDEX index_tags_on_tag
    ON tags (tag);
CREATE INDEX index_tags_on_tag_type
    ON tags (tag_type);
CREATE INDEX index_tags_on_tag_type_and_tag
    ON tags (tag_type, tag);

CREATE TABLE versioned_metadata_items (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    metadata_item_id integer,
    generator_id integer,
    target_tag_id integer,
    state integer,
    state_context integer,
    selected_media_id integer,
    version_media_id integer,
    media_decision integer,
    file_size integer(8)
);
CREATE INDEX index_versioned_metadata_items_on_generator_id
    ON versioned_metadata_items (generator_id);
CREATE INDEX index_versioned_metadata_items_on_metadata_item_id
    ON versioned_metadata_items (metadata_item_id);
CREATE INDEX index_versioned_metadata_items_on_selected_media_id
    ON versioned_metadata_items (selected_media_id);
CREATE INDEX index_versioned_metadata_items_on_target_tag_id
    ON versioned_metadata_items (target_tag_id);
CREATE INDEX index_versioned_metadata_items_on_version_media_id
    ON versioned_metadata_items (version_media_id);

CREATE TABLE view_settings (
    id integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    account_id integer,
    client_type varchar(255),
    view_group varchar(255),
    view_id integer,
    sort_id integer,
    sort_asc boolean,
    created_at dt_integer(8),
    updated_at dt_integer(8)
);
CREATE INDEX index_view_settings_on_client_type
    ON view_settings (client_type);
CREATE INDEX index_view_settings_on_view_group
    ON view_settings (view_group);
